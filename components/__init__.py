"""How each part is built: shared contracts here, one folder per cloud with the same file names in each."""
