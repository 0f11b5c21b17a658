import { findTarget } from 'temporal-http-tasks/internal/activities/task-activities';
import { DATABASES, cleanUp, open } from '../ledger/databases';
import { rowsOf, sweepOf, userNumber } from '../ledger/sweeps/users';

describe.each(DATABASES)('a user of a sweep in $name', ({ freshUrl }) => {
  afterAll(cleanUp);

  it('is found by its number, and refused where there is none, or no key to read it by', async () => {
    const { sweeps } = await open(await freshUrl());
    await sweepOf(sweeps, 'sweep', rowsOf(0, 2));
    await expect(findTarget(sweeps, { sweepId: 'sweep', seq: 1 })).resolves.toMatchObject({ user: userNumber(1) });
    const beyond = { type: 'Task.InvalidInput', nonRetryable: true, details: [{ field: 'user.seq' }] };
    await expect(findTarget(sweeps, { sweepId: 'sweep', seq: 2 })).rejects.toMatchObject(beyond);
    await sweeps.release('sweep');
    const unreadable = { type: 'Task.InvalidInput', nonRetryable: true, details: [{ field: 'user.sweepId' }] };
    await expect(findTarget(sweeps, { sweepId: 'sweep', seq: 1 })).rejects.toMatchObject(unreadable);
    await expect(findTarget(sweeps, { sweepId: 'no such sweep', seq: 1 })).rejects.toMatchObject(unreadable);
  });
});
