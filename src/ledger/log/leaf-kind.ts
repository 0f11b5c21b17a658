/**
 * Kinds of leaves in the log of a ledger. `sweep` and `run` are what is sealed at the end of one; `part` is what a
 * running sweep has recorded since its last part; `call` is what one call that no ended run covers has recorded.
 */
export type LeafKind = 'sweep' | 'part' | 'run' | 'call' | 'hold' | 'stop' | 'approval' | 'policy' | 'purge';
