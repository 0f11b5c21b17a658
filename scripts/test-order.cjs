'use strict';
const { default: Sequencer } = require('@jest/test-sequencer');

/** Test files that take longest, the longest first. Begun last, as on a fresh clone they might be, each would keep the run waiting. */
const SLOW = [
  'activities/sweep/processes',
  'faults/matrix',
  'workflow/sweep/continued',
  'cli/asking',
  'activities/sweep/run-bulk',
  'cli/worker-start',
  'plugin/workflow-names',
  'workflow/sweep/sweep',
  'cli/sweep-control',
  'workflow/callers',
  'activities/sweep/faults',
  'workflow/ledger-outage',
  'workflow/sweep/control',
  'workflow/sweep/clock',
  'activities/sweep/ledger-away',
  'canary/canary',
  'browser/temporal-ui',
  'cli/demo',
  'observability/shutdown',
  'cli/sweep',
  'cli/asking-in-production',
  'cli/workers-away',
  'workflow/sweep/rate',
  'cli/offboard',
  'cli/sweep-source',
  'cli/large-receipts',
  'workflow/modes',
  'package/package',
  'workflow/cancellation',
  'cli/rate',
  'workflow/sweep/returned',
  'workflow/sweep/two-workers',
  'activities/shared-rate',
  'activities/sweep/take-snapshot',
  'browser/console',
  'cli/schedule',
  'cli/clock-changes',
  'activities/call-budgets',
  'cli/bench',
  'cli/faults',
  'workflow/crash',
  'types/drift',
  'ledger/sweeps/rates',
  'workflow/cancelled-after-crash',
  'ledger/sweeps/seal',
];

/** The slow files first, then jest's own order, which knows how long each took when it ran here before. */
class SlowestFirst extends Sequencer {
  /** @param {import('@jest/test-result').Test[]} tests */
  sort(tests) {
    const rank = (/** @type {string} */ file) => {
      const at = SLOW.findIndex((name) => file.endsWith(`/test/${name}.test.ts`));
      return at < 0 ? SLOW.length : at;
    };
    return [...super.sort(tests)].sort((one, other) => rank(one.path) - rank(other.path));
  }
}

module.exports = SlowestFirst;
