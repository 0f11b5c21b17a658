/**
 * Kinds of leaves in the log of a ledger. `start` is what was recorded before the log existed. `sweep` and `run` are what
 * is sealed at the end of one; `part` is what a running sweep has recorded since its last part; `call` is what one call
 * that no ended run covers has recorded. `purge` says whose receipts were deleted.
 */
export type LeafKind = 'start' | 'sweep' | 'part' | 'run' | 'call' | 'hold' | 'stop' | 'approval' | 'policy' | 'purge';
