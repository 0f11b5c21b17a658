import { inWords, localTime, pauseWords, timeAgo } from '@temporal-http-tasks/cli/internal/terminal/words';

it.each([
  ['waitingForApproval', 'waiting for approval'],
  ['alreadyGone', 'already gone'],
  ['noId', 'no ID'],
  ['skipped (noPlaidId)', 'skipped (no plaid ID)'],
  ['completed', 'completed'],
  ['Task.NotAllowed users.perDay', 'Task.NotAllowed users.perDay'],
  ['paused (Task.Unauthorized)', 'paused (Task.Unauthorized)'],
])('writes %s in words', (name, words) => {
  expect(inWords(name)).toBe(words);
});

it.each([
  ['request', 'on request'],
  ['stopped', 'all calls are stopped'],
  ['tolerance', 'too many users failed'],
  ['notApproved', 'not approved in time'],
  ['Task.Unauthorized batch.ios', 'Task.Unauthorized batch.ios'],
])('says that a sweep pauses because of %s', (because, words) => {
  expect(pauseWords(because)).toBe(words);
});

it('writes a time in the zone of this machine, to the second', () => {
  const time = new Date(2026, 10, 29, 21, 5, 12, 345);
  expect(localTime(time.toISOString())).toBe('2026-11-29 21:05:12');
  expect(localTime('no time')).toBe('no time');
});

it.each([
  [-5_000, 'just now'],
  [59_000, 'just now'],
  [60_000, '1 min ago'],
  [3_599_000, '59 min ago'],
  [7_200_000, '2 h ago'],
  [3 * 86_400_000, '3 d ago'],
])('says how long ago %i ms are', (ageMs, words) => {
  const now = Date.UTC(2026, 10, 29);
  expect(timeAgo(new Date(now - ageMs).toISOString(), now)).toBe(words);
});
