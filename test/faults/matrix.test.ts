import { drawCombinations } from '@temporal-http-tasks/testing/internal/faults/combinations';
import { openWorld } from '@temporal-http-tasks/testing/internal/faults/places';
import type { World } from '@temporal-http-tasks/testing/internal/faults/places';
import { resultsOf } from '@temporal-http-tasks/testing/internal/faults/results';
import type { FaultResults } from '@temporal-http-tasks/testing/internal/faults/results';
import { runMatrix } from '@temporal-http-tasks/testing/internal/faults/run-matrix';
import { selectCells } from '@temporal-http-tasks/cli/internal/faults/run';
import { CALLS } from '@temporal-http-tasks/testing/internal/oracle/cell';
import type { Cell } from '@temporal-http-tasks/testing/internal/oracle/cell';
import { amount, casesOf } from '../support/amount';
import { silenceTemporal } from '../support/quiet-runtime';
import { temporalAddress } from '../support/temporal';
import { workflowBundle } from '../support/workflow-bundle';

// A part of the matrix that `npm run faults` runs as a whole: the removal at Plaid and the deletion at Batch meet every
// fault once, as in the whole run of the tests every call of a single run does; of the rest, one fault of each nature. All
// at the same time, each with a user of its own.

const SEED = 20_261_126;
const COMBINATIONS = 6;

/** One of each nature, and quick to end. */
const OF_EACH_NATURE = [
  'reset after it was done',
  'maintenance',
  'wrong shape',
  'unknown error code',
  "somebody else's Item",
  'list that lags',
];

const WITH_EVERY_FAULT: readonly string[] = casesOf(
  CALLS.offboardUser,
  (call) => call === 'userItemsRemove' || call === 'customDataDelete',
);

/** These end by their deadline only, which takes as long as the whole rest. */
const ONLY_BY_COMMAND = ['429 after ten thousand years'];

function isTried({ flow, call, fault, when, policy }: Cell): boolean {
  if (when !== 'once' || ONLY_BY_COMMAND.includes(fault)) return false;
  if (policy === 'stop')
    return flow === 'offboardUser' && call === 'userProductsTerminate' && OF_EACH_NATURE.includes(fault);
  return (flow === 'offboardUser' && WITH_EVERY_FAULT.includes(call)) || OF_EACH_NATURE.includes(fault);
}

let world: World;
let results: FaultResults;
let bystandersTouched: number;

beforeAll(async () => {
  silenceTemporal();
  world = await openWorld({ address: temporalAddress(), bundle: await workflowBundle() });
  const cells = selectCells()
    .filter(isTried)
    .map((cell) => ({ cell }));
  const combinations = (await drawCombinations(COMBINATIONS, SEED)).map((combination) => ({ combination }));
  const ignore = (): void => undefined;
  const judged = await runMatrix(
    world,
    [...cells, ...combinations],
    { onEnd: ignore, onAgain: ignore },
    new AbortController().signal,
  );
  results = resultsOf(judged, { seed: SEED, seconds: 0 });
  bystandersTouched = judged.numbers.bystandersTouched;
}, 240_000);

afterAll(() => world.close());

it.each(CALLS.offboardUser)('a single run ends as it must, whatever happens to %s', (call) => {
  expect(results.failed.filter((failed) => failed.call === `offboardUser: ${call}`)).toEqual([]);
  expect(results.matrix.filter((row) => row.flow === 'offboardUser' && row.call === call).length).toBeGreaterThan(
    WITH_EVERY_FAULT.includes(call) ? 30 : 3,
  );
});

it.each(CALLS.sweep)('a sweep ends as it must, whatever happens to %s', (call) => {
  expect(results.failed.filter((failed) => failed.call === `sweep: ${call}`)).toEqual([]);
});

it('random combinations of faults leave a true report', () => {
  expect(results.combinations).toBe(COMBINATIONS);
  expect(results.failed).toEqual([]);
});

it('no user is lost or wrongly deleted, nothing is unrecorded, and no compensation log says anything else than the providers', () => {
  const { usersLost, wronglyDeleted, unrecordedCalls, wrongCompensations, runsNotCompleted, faultsMet } =
    results.numbers;
  expect({ usersLost, wronglyDeleted, unrecordedCalls, wrongCompensations, bystandersTouched }).toEqual({
    usersLost: 0,
    wronglyDeleted: 0,
    unrecordedCalls: 0,
    wrongCompensations: 0,
    bystandersTouched: 0,
  });
  expect(runsNotCompleted).toBeGreaterThan(amount(10, { whole: 20 }));
  expect(faultsMet).toBeGreaterThan(amount(100, { whole: 230 }));
});
