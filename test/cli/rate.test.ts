import type { RateDocument } from '@temporal-http-tasks/evidence/internal/rate-words';
import type { RunningCli } from './run-cli';
import { openStage, until } from './sweep-stage';
import type { SweepEnd, SweepStage } from './sweep-stage';

type Refused = { error: { type: string; field?: string; message: string } };
type Status = SweepEnd & { limits: RateDocument[]; ownRates: object[] };

const REASON = ['--reason', 'OTHER'];

let stage: SweepStage;
let worker: RunningCli;

beforeAll(async () => {
  stage = await openStage();
  worker = await stage.startWorker();
});

afterAll(async () => {
  await worker.stop();
  await stage.close();
});

const status = async (id: string) => (await stage.run<Status>('sweep', 'status', id)).document;
const plaidIn = (limits: readonly RateDocument[]) => limits.find(({ service }) => service === 'plaid');
const show = async () => plaidIn((await stage.run<RateDocument[]>('rate', 'show')).document);

describe('the standing limit', () => {
  it('is set, shown and cleared, in calls a minute or a second', async () => {
    const set = await stage.run<RateDocument[]>('rate', 'set', 'plaid', '900');
    expect({ code: set.code, document: set.document }).toMatchObject({
      code: 0,
      document: [{ service: 'plaid', callsPerMinute: 900, by: 'standing', standing: 900 }],
    });
    expect((await stage.run<RateDocument[]>('rate', 'set', 'batch.ios', '10/s')).document).toMatchObject([
      { service: 'batch', keySlot: 'ios', callsPerMinute: 600, by: 'standing' },
    ]);
    expect(await show()).toMatchObject({ callsPerMinute: 900, by: 'standing' });
    const { stdout } = await stage.begin('rate', 'show', 'plaid').ended;
    expect(stdout).toMatch(/plaid │ 900 +│ standing limit │ 900/);
    expect((await stage.run<RateDocument[]>('rate', 'clear', 'plaid')).document).toMatchObject([
      { by: 'rising', callsPerMinute: 600 },
    ]);
    expect(await show()).not.toHaveProperty('standing');
  });

  it.each([
    [['set', 'plad', '600'], 'key', 'allowed: batch.ios, batch.android, http, plaid'],
    [['set', 'batch', '600'], 'key', 'allowed: batch.ios'],
    [['set', 'batch.web', '600'], 'key', 'allowed: batch.ios'],
    [['set', 'plaid.ios', '600'], 'key', 'allowed:'],
    [['show', 'foo'], 'key', 'allowed:'],
    [['clear', 'foo'], 'key', 'allowed:'],
    [['set', 'plaid', '0'], 'calls', 'from 1 to'],
    [['set', 'plaid', '600/h'], 'calls', 'calls a minute such as 600'],
  ])('refuses %j by field, with what is allowed', async (args, field, words) => {
    const { code, document } = await stage.run<Refused>('rate', ...args);
    expect({ code, ...document.error }).toMatchObject({
      code: 2,
      type: 'Usage',
      field,
      message: expect.stringContaining(words) as string,
    });
  });
});

describe('the rate of a sweep', () => {
  it('is shown while it runs, limits it, and ends with it, so that the next sweep is not slowed down', async () => {
    await stage.run('rate', 'set', 'plaid', '600000');
    const file = stage.fileOf(stage.newUsers(40).map(({ plaidId }) => ({ plaidId })));
    const options = ['--granularity', 'chunk', '--batch-mode', 'skip'];
    const watching = stage.begin(
      'sweep',
      '--source',
      file,
      ...REASON,
      ...options,
      '--rate',
      '10/s',
      '--id',
      's600',
      '--watch',
    );
    await until(
      'the sweep is limited',
      async () => plaidIn((await status('s600').catch(() => ({ limits: [] }))).limits ?? [])?.by === 'sweep',
    );
    expect(plaidIn((await status('s600')).limits)).toMatchObject({
      callsPerMinute: 600,
      by: 'sweep',
      sweepId: 's600',
      standing: 600_000,
    });
    expect((await stage.begin('sweep', 'status', 's600').ended).stdout).toContain(
      'Rate: Plaid is limited to 600 calls/min by the sweep s600',
    );
    const typo = await stage.run<Refused>('sweep', 'rate', 's600', '100', '--service', 'plad');
    expect({ code: typo.code, message: typo.document.error.message }).toMatchObject({
      code: 1,
      message: expect.stringContaining('is not a service of this worker; allowed: plaid, batch') as string,
    });

    const { code, stdout, stderr } = await watching.ended;
    expect(code).toBe(0);
    expect(stderr).toContain('plaid 600 calls/min (sweep s600)');
    expect(stdout).toContain("this sweep's own rate was 600 calls/min for Plaid");
    expect(stdout).toMatch(
      /Rate: Plaid is limited to 600,000 calls\/min by the standing limit \((npx )?http-tasks rate clear plaid\)/,
    );
    expect(await show()).toMatchObject({ by: 'standing', callsPerMinute: 600_000 });
    expect((await status('s600')).ownRates).toEqual([{ service: 'plaid', callsPerMinute: 600 }]);
  });

  it('is not stored for a dry run', async () => {
    const file = stage.fileOf(stage.newUsers(3));
    const dry = await stage.run(
      'sweep',
      '--source',
      file,
      ...REASON,
      '--dry-run',
      '--rate',
      '300',
      '--id',
      'dry',
      '--watch',
    );
    expect(dry.code).toBe(0);
    expect(await show()).toMatchObject({ by: 'standing', callsPerMinute: 600_000 });
    expect((await status('dry')).ownRates).toEqual([]);
  });
});
