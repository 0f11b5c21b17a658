import { placeOf } from '@temporal-http-tasks/cli/internal/temporal/worker-place';
import type { RecordedEnvironment } from 'temporal-http-tasks/internal/ledger/worker-environments';

function recorded(
  identity: string,
  environment: 'sandbox' | 'production',
  state: RecordedEnvironment['state'] = 'live',
): RecordedEnvironment {
  return {
    worker: `${identity} ${environment} ${state}`,
    identity,
    service: 'plaid',
    environment,
    production: environment === 'production',
    keySlots: [],
    state,
  };
}

const judge = (
  rows: RecordedEnvironment[],
  pollers: string[],
): { production: boolean; known: boolean; environments: string[] } => {
  const { production, unknownBecause, environments } = placeOf(rows, pollers, 'queue');
  return {
    production,
    known: unknownBecause === undefined,
    environments: environments.map(({ environment }) => environment),
  };
};

describe('a task queue', () => {
  it.each([
    [
      'of a sandbox worker is not production',
      [recorded('a', 'sandbox')],
      ['a'],
      { production: false, known: true, environments: ['sandbox'] },
    ],
    [
      'of a production worker is production',
      [recorded('a', 'production')],
      ['a'],
      { production: true, known: true, environments: ['production'] },
    ],
    [
      'of both is production',
      [recorded('a', 'sandbox'), recorded('b', 'production')],
      ['a', 'b'],
      { production: true, known: true, environments: ['sandbox', 'production'] },
    ],
    [
      'that nobody recorded is not known, and so production',
      [],
      ['a'],
      { production: true, known: false, environments: [] },
    ],
    ['with no worker at all is not known', [], [], { production: true, known: false, environments: [] }],
    [
      'of which one worker has recorded nothing is not known',
      [recorded('a', 'sandbox')],
      ['a', 'old'],
      { production: true, known: false, environments: ['sandbox'] },
    ],
    [
      'of a worker that died is not known',
      [recorded('a', 'sandbox', 'silent')],
      [],
      { production: true, known: false, environments: [] },
    ],
    [
      'of a worker that ended is not known',
      [recorded('a', 'sandbox', 'ended')],
      ['a'],
      { production: true, known: false, environments: [] },
    ],
    [
      'does not count a production worker that died',
      [recorded('a', 'sandbox'), recorded('b', 'production', 'silent')],
      ['a'],
      { production: false, known: true, environments: ['sandbox'] },
    ],
    [
      'does not count a production worker that ended, though the server still lists it',
      [recorded('a', 'sandbox'), recorded('b', 'production', 'ended')],
      ['a', 'b'],
      { production: false, known: true, environments: ['sandbox'] },
    ],
    [
      'counts a production worker that polls without reaching the ledger',
      [recorded('a', 'sandbox'), recorded('b', 'production', 'silent')],
      ['a', 'b'],
      { production: true, known: true, environments: ['sandbox', 'production'] },
    ],
    [
      'takes a worker that was started again under one identity as it is now',
      [recorded('a', 'production', 'silent'), recorded('a', 'sandbox')],
      ['a'],
      { production: false, known: true, environments: ['sandbox'] },
    ],
  ])('%s', (_, rows, pollers, expected) => {
    expect(judge(rows, pollers)).toEqual(expected);
  });
});
