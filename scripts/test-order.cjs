'use strict';
const { default: Sequencer } = require('@jest/test-sequencer');

/** Test files that take longest, the longest first. Begun last, as on a fresh clone they might be, each would keep the run waiting. */
const SLOW = [
  'faults/matrix',
  'workflow/sweep/sweep',
  'cli/sweep',
  'cli/sweep-control',
  'workflow/sweep/continued',
  'activities/sweep/run-bulk',
  'canary/canary',
  'activities/sweep/processes',
  'workflow/sweep/control',
  'activities/sweep/faults',
  'workflow/ledger-outage',
  'browser/temporal-ui',
  'cli/demo',
  'activities/sweep/ledger-away',
  'cli/large-receipts',
  'cli/faults',
  'browser/console',
  'observability/shutdown',
  'activities/sweep/take-snapshot',
  'ledger/sweeps/speed',
  'workflow/sweep/two-workers',
  'activities/sweep/chunk',
  'types/drift',
  'package/package',
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
