import { settleLostCall } from 'temporal-http-tasks/internal/policy/settle-lost-call';
import type { LostCall } from 'temporal-http-tasks/internal/policy/settle-lost-call';
import type { CallResponse } from 'temporal-http-tasks/internal/policy/steps/step';

const failure = {
  type: 'Task.OutcomeUnknown',
  message: 'lost',
  service: 'desk',
  retryable: false,
} as LostCall['failure'];

/** How a lost call ends whose read shows these parts, and the calls that were made. */
async function settled(
  parts: readonly object[],
  entries?: 'every' | 'first',
): Promise<{ kind: string; calls: string[] }> {
  const calls: string[] = [];
  let nowMs = 0;
  const end = await settleLostCall<CallResponse>(
    {
      task: { name: 'desk.remove', absentCodes: [] },
      input: { id: '7' },
      settle: { by: 'look', with: 'desk.get', input: { id: '${id}' }, absent: [{ 'parts.state': 'removed' }] },
      failure,
      ...(entries && { entries }),
    },
    {
      call: ({ task }) => {
        calls.push(task);
        return Promise.resolve({ ok: true, attempt: 1, output: task === 'desk.get' ? { parts } : {} });
      },
      wait: (delayMs) => Promise.resolve(void (nowMs += delayMs)),
      nowMs: () => nowMs,
    },
  );
  return { kind: end.kind, calls };
}

const [gone, there] = [{ state: 'removed' }, { state: 'active' }];

it('a lost call was carried out when the read shows it of every entry of a list', async () => {
  expect(await settled([gone, gone])).toEqual({ kind: 'done', calls: ['desk.get'] });
  for (const parts of [[gone, there], [there, gone], []])
    expect(await settled(parts)).toEqual({ kind: 'responded', calls: ['desk.get', 'desk.remove'] });
});

it('in a run of an earlier version, when the read shows it of the first', async () => {
  expect(await settled([gone, there], 'first')).toEqual({ kind: 'done', calls: ['desk.get'] });
  expect(await settled([there, gone], 'first')).toEqual({ kind: 'responded', calls: ['desk.get', 'desk.remove'] });
});
