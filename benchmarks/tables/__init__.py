"""One file a table: runs its contestants in interleaved rounds and says what came out."""
