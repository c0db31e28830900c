"""Finding chunks and answering from them; knows nothing of HTTP."""
