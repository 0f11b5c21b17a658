/**
 * A newer attempt has taken over the chunk, or the sweep was sealed; nothing was written. The caller must stop
 * immediately, send nothing more and leave its open users to the newer attempt.
 */
export class SweepFencedError extends Error {
  override readonly name = 'SweepFencedError';

  constructor(readonly chunkId: string) {
    super(`Another attempt has taken over the chunk ${chunkId}, or the sweep was sealed. Nothing was written.`);
  }
}

/**
 * The snapshot changed after its state was read, or is complete; nothing was written. Read the state again and continue
 * from there.
 */
export class SnapshotMovedError extends Error {
  override readonly name = 'SnapshotMovedError';

  constructor() {
    super('The snapshot of this sweep changed after its state was read. Nothing was written; read its state again.');
  }
}

/** The key of the sweep was destroyed, so its IDs can never be read again. */
export class SweepReleasedError extends Error {
  override readonly name = 'SweepReleasedError';

  constructor(readonly sweepId: string) {
    super(
      `The IDs of sweep ${sweepId} were released: their key was destroyed and they can no longer be read. ` +
        'Offboard these users from their source with a new sweep.',
    );
  }
}

/** The ledger has no such sweep. */
export class UnknownSweepError extends Error {
  override readonly name = 'UnknownSweepError';

  constructor(readonly sweepId: string) {
    super(
      `This ledger has no sweep ${sweepId}. Check the ID, and that HTTP_TASKS_LEDGER_URL names the ledger it ran with.`,
    );
  }
}

/** The sweep was sealed: its receipts are final. */
export class SweepSealedError extends Error {
  override readonly name = 'SweepSealedError';

  constructor(readonly sweepId: string) {
    super(`Sweep ${sweepId} is sealed: nothing can be added to it. Use redrive, which creates a new sweep.`);
  }
}

/** The request contradicts the sweep's state; the message names the field. */
export class SweepConflictError extends Error {
  override readonly name = 'SweepConflictError';
}

/** The sweep belongs to a run other than the caller's; nothing was written. */
export class SweepNotYoursError extends Error {
  override readonly name = 'SweepNotYoursError';

  constructor(readonly sweepId: string) {
    super(`Sweep ${sweepId} belongs to another run, and only that run may work on it.`);
  }
}

/** Why no intent is recorded for any user of a sweep, although the caller holds the chunk's fence. */
export type SweepObstacle = 'notApproved' | 'tooManyUsers' | 'stopped' | 'dayIsFull';

const OBSTACLES: Readonly<Record<SweepObstacle, string>> = {
  notApproved: 'has not been approved',
  tooManyUsers: 'has more users than its maxUsers allows',
  stopped: 'must wait, because all calls that change something are stopped (http-tasks stop)',
  dayIsFull: "must wait for the next day (UTC), because the operator's policy allows no more users today",
};

/** No intent may currently be recorded for the sweep, and none was. */
export class SweepBarredError extends Error {
  override readonly name = 'SweepBarredError';

  constructor(
    readonly sweepId: string,
    readonly obstacle: SweepObstacle,
  ) {
    super(`Sweep ${sweepId} ${OBSTACLES[obstacle]}.`);
  }
}
