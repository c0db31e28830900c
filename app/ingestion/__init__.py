"""From a stored file to numbered chunks: sniffing, parsing, chunking, and the durable queue that drives them."""
