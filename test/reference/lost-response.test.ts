import { taskReference } from '@temporal-http-tasks/console/internal/reference/task-reference';
import { CATALOGUE, http, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { ticketRemove, ticketShred } from '../workflow/http/ticket-removal';

const lostResponse = (task: Parameters<typeof taskReference>[0]): string => taskReference(task).lostResponse;

it('says of each task what happens when a response is lost, and promises a read only where there is one', () => {
  expect(lostResponse(ticketRemove)).toBe(
    'A lost response is resolved by desk.ticketGet after 0.1 s, in workflows and single calls. If it returns 404, erased, {"state":"removed"}, the call was carried out. Otherwise it was not and is sent again, at most 4 times. If desk.ticketGet cannot be used, the call fails Task.OutcomeUnknown.',
  );
  expect(lostResponse(ticketShred)).toMatch(
    /^A lost response of a single call .* fails Task\.OutcomeUnknown and is not repeated/,
  );
  expect(lostResponse(plaid.userItemsRemove)).toMatch(
    /OutcomeUnknown.* In the steps of an offboarding, plaid.userItemsGet resolves it/,
  );
  expect(lostResponse(plaid.userItemsGet)).toBe('A lost response: the read is repeated.');
  expect(lostResponse(http.request)).toMatch(/any other fails Task.OutcomeUnknown/);
  for (const task of CATALOGUE.filter(({ effect, generic }) => effect === 'irreversible' && !generic))
    expect(lostResponse(task)).toContain('Task.OutcomeUnknown');
});
