import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { DATABASES, SUBJECT_KEY, cleanUp, open, temporaryFolder } from '../ledger/databases';
import { writeExampleSweep } from '../ledger/sweeps/example-sweep';
import { receiptOf, rowsOf, settled, settledFully, sweepOf } from '../ledger/sweeps/users';
import { attribute, parsePage } from './html-page';
import type { HtmlPage } from './html-page';
import { runCli, runJson } from './run-cli';
import type { CliEnv } from './run-cli';

const HOSTILE = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;]]>--><svg/onload=alert(3)>\u202e</td></table>`;

/** What a person can read and a browser would load. */
interface MadeReport extends HtmlPage {
  html: string;
}

describe.each(DATABASES)('the report on a sweep in $name', ({ freshUrl }) => {
  let ledger: OpenedLedger;
  let env: CliEnv;

  beforeAll(async () => {
    const url = await freshUrl();
    ledger = await open(url);
    env = { HTTP_TASKS_LEDGER_URL: url, HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY };
  });
  afterAll(cleanUp);

  async function reportOn(sweepId: string): Promise<MadeReport> {
    const { code, stdout, stderr } = await runCli(['receipts', sweepId, '--html'], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return { html: stdout, ...parsePage(stdout) };
  }

  describe('that has ended', () => {
    let report: MadeReport;

    beforeAll(async () => {
      await writeExampleSweep(ledger, { sweepId: 'ended', users: 200 });
      report = await reportOn('ended');
    });

    it('is one well-formed page', () => {
      expect(report.errors).toEqual([]);
      const ids = report.elements.flatMap((element) => attribute(element, 'id') ?? []);
      expect(new Set(ids).size).toBe(ids.length);
    });

    it('loads nothing, runs nothing and forbids both', () => {
      const names = new Set(report.elements.map(({ tagName }) => tagName));
      for (const forbidden of [
        'script',
        'link',
        'img',
        'iframe',
        'object',
        'embed',
        'form',
        'a',
        'base',
        'image',
        'use',
        'foreignObject',
      ]) {
        expect([...names]).not.toContain(forbidden);
      }
      const attributes = new Set(report.elements.flatMap(({ attrs }) => attrs.map(({ name }) => name)));
      expect([...attributes].filter((name) => /^(on|src|href|style|action|xmlns)/.test(name))).toEqual([]);
      // Two slashes may be in the digest of the style.
      const html = report.html.replace(/sha256-[A-Za-z0-9+/]+=*/, '');
      expect(html).not.toMatch(/https?:|\/\/[a-z]|url\(|@import|javascript:/i);
      const style = /<style>([^]*?)<\/style>/.exec(report.html)?.[1] ?? '';
      const policy = report.elements.find((element) => attribute(element, 'http-equiv') === 'Content-Security-Policy');
      expect(attribute(policy!, 'content')).toBe(
        `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'`,
      );
      expect(report.html.match(/<style/g)).toHaveLength(1);
    });

    it('says first in plain words how it went', () => {
      const text = report.text();
      expect(text).toContain(
        '2 of 200 users are deleted; 186 more are removed from Plaid, and Batch has accepted the deletion; 8 need attention.',
      );
      expect(text).toContain('Batch carries out what it has accepted later, and does not report when.');
      expect(text).toMatch(/deleted ?21% ?accepted by Batch ?18693%/);
      expect(text).toContain('Left out on purpose: 2 skipped and 2 on legal hold.');
      expect(text).toContain('2 rows of the source were invalid and left out');
      expect(text).toMatch(
        /Started ?2030-01-31 10:00:00 UTC ?Ended ?2030-01-31 10:45:00 UTC ?Took ?45 min ?Users ?200 ?Duplicates in the source ?3 ?Rows rejected ?2 ?Receipts ?590/,
      );
    });

    it('says why and where it was done, who asked, until when, and who approved, also before it has ended', async () => {
      const plan = JSON.stringify({ reason: { code: 'USER_OFFBOARDING', note: 'contract 7 ended' } });
      const about = {
        requestedBy: 'Alice <a@b>',
        receivedAt: '2030-01-02',
        law: 'gdpr',
        dueAt: '2030-02-04T23:59:59.000Z',
      } as const;
      const terms = { plan, about, needsApproval: false, maxUsers: 1_000 };
      await writeExampleSweep(ledger, { sweepId: 'asked', users: 100, ends: false, terms });
      const asked = await reportOn('asked');
      expect(asked.text()).toMatch(
        /Why ?USER_OFFBOARDING: contract 7 ended ?Requested by ?Alice <a@b> \(not verified\) ?Received ?2030-01-02 ?Due ?2030-02-04 23:59:59 UTC \(GDPR\)/,
      );
      expect(asked.html).not.toContain('<a@b>');
      await ledger.sweeps.seal({ sweepId: 'asked' });
      const sealed = await reportOn('asked');
      expect(sealed.text('seal')).toMatch(
        /Requested by ?Alice <a@b> \(not verified\) ?Received ?2030-01-02 ?Due ?2030-02-04T23:59:59.000Z \(gdpr\)/,
      );
    });

    it('begins with what needs attention', () => {
      const at = (id: string) => report.html.indexOf(`id="${id}"`);
      for (const later of ['users', 'steps', 'codes', 'evidence']) expect(at('people')).toBeLessThan(at(later));
    });

    it('has in its plots, and in the table next to each, the numbers of the ledger', () => {
      expect(report.table('users')).toEqual([
        ['Outcome', 'Users', 'Share'],
        ['already gone', '2', '1%'],
        ['accepted', '186', '93%'],
        ['skipped', '2', '1%'],
        ['on hold', '2', '1%'],
        ['not found', '2', '1%'],
        ['unknown', '2', '1%'],
        ['failed', '4', '2%'],
      ]);
      expect(report.table('steps')).toEqual([
        [
          'System',
          'Step',
          ...['removed', 'already gone', 'accepted', 'skipped', 'on hold', 'not found', 'unknown', 'failed', 'all'],
        ],
        ['', 'hold', '0', '0', '0', '0', '2', '0', '0', '0', '2'],
        ['Plaid', 'plaid.items', '188', '2', '0', '2', '0', '2', '2', '2', '198'],
        ['Plaid', 'plaid.products', '192', '0', '0', '0', '0', '0', '0', '2', '194'],
        ['Batch', 'batch.ios', '0', '0', '194', '0', '0', '0', '0', '0', '194'],
      ]);
      expect(report.table('codes').slice(1).sort()).toEqual([
        ['ITEM_LOCKED', 'Plaid', 'plaid.products', 'failed', '2'],
        ['ITEM_NOT_FOUND', 'Plaid', 'plaid.items', 'failed', '2'],
        ['Task.OutcomeUnknown', 'Plaid', 'plaid.items', 'unknown', '2'],
        ['USER_NOT_FOUND', 'Plaid', 'plaid.items', 'not found', '2'],
      ]);
      expect(
        report
          .table('throughput-before-bulk')
          .slice(1)
          .reduce((sum, [, users]) => sum + Number(users), 0),
      ).toBe(198);
      const throughput = report.table('throughput').slice(1);
      expect(throughput.filter(([, users]) => users !== '0')).toEqual([
        ['2030-01-31T10:01:00.000Z', '49'],
        ['2030-01-31T10:01:20.000Z', '50'],
        ['2030-01-31T10:01:40.000Z', '49'],
        ['2030-01-31T10:02:00.000Z', '50'],
      ]);
      expect(report.text('throughput')).toContain('2 users finished later, the last at 2030-01-31 10:45:00 UTC.');
      expect(report.text('share-done')).toContain(
        'half of the users were done after 1 min 45 s, 95% after 2 min 5 s, and the last one after 45 min.',
      );
      expect(report.table('share-done').at(-1)?.slice(1)).toEqual(['198', '99%']);
    });

    it('draws each plot for a desk and for a hand, with its meaning in words', () => {
      const plots = report.elements.filter((element) => element.tagName === 'svg');
      expect(plots.map((plot) => attribute(plot, 'class'))).toEqual(
        Array.from({ length: 7 }, () => ['plot wide', 'plot narrow']).flat(),
      );
      const labels = plots.map((plot) => attribute(plot, 'aria-label') ?? '');
      expect(labels[0]).toBe(
        'Bar of 200 users: already gone 2 (1%), accepted 186 (93%), skipped 2 (1%), on hold 2 (1%), not found 2 (1%), unknown 2 (1%), failed 4 (2%).',
      );
      expect(labels[2]).toContain('Plaid products: removed 192, failed 2');
      const drawn = report.text('steps');
      expect(drawn).toContain('removed 188');
      expect(drawn).toContain('198 · 2 failed · 2 unknown · 2 not found');
      expect(drawn).toContain('198 · 6 to check');
    });

    it('draws what is rare so that it can be seen, in the colours of its outcome, within the plot', () => {
      const bars = /id="users"[^]*?<\/svg>/.exec(report.html)?.[0] ?? '';
      const drawn = [...bars.matchAll(/<path d="M([\d.]+),[\d.]+h([\d.]+)[^>]*fill="var\(--(\w+)\)"/g)].map(
        ([, left, width, standing]) => ({ standing, left: Number(left), width: Number(width) }),
      );
      expect(drawn.map(({ standing }) => standing)).toEqual([
        'alreadyGone',
        'accepted',
        'skipped',
        'held',
        'notFound',
        'unknown',
        'failed',
      ]);
      expect(Math.min(...drawn.map(({ width }) => width))).toBeGreaterThanOrEqual(3);
      const last = drawn.at(-1)!;
      expect(last.left + last.width).toBeCloseTo(960, 3);
    });

    it('lists who needs a person, under keyed hashes, with what to do', () => {
      const rows = report.table('people').slice(1);
      expect(rows.map(([user = '', step, outcome, code]) => [user.split(' ')[0], step, outcome, code])).toEqual([
        ['8', 'Plaid plaid.items', 'failed', 'ITEM_NOT_FOUND'],
        ['32', 'Plaid plaid.items', 'unknown', 'Task.OutcomeUnknown'],
        ['54', 'Plaid plaid.items', 'not found', 'USER_NOT_FOUND'],
        ['92', 'Plaid plaid.products', 'failed', 'ITEM_LOCKED'],
        ['108', 'Plaid plaid.items', 'failed', 'ITEM_NOT_FOUND'],
        ['132', 'Plaid plaid.items', 'unknown', 'Task.OutcomeUnknown'],
        ['154', 'Plaid plaid.items', 'not found', 'USER_NOT_FOUND'],
        ['192', 'Plaid plaid.products', 'failed', 'ITEM_LOCKED'],
      ]);
      const [row] = rowsOf(7, 8);
      expect(rows[0]).toEqual([
        `8 ${row?.subjects[0]}`,
        'Plaid plaid.items',
        'failed',
        'ITEM_NOT_FOUND',
        'refused-7',
        'Not done. The Item is removed or its access was revoked. Fix the cause, then run again.',
      ]);
      expect(report.text('people')).toContain('http-tasks sweep redrive ended');
      expect(report.html).not.toMatch(/usr_plaid|customer-|example\.org/);
    });

    it('contains what auditors ask for, and how to verify it', async () => {
      const responses = Object.fromEntries(
        report.table('evidence').map(([question, response]) => [question, response]),
      );
      expect(responses['Who did it?']).toContain('run run-of-the-example');
      expect(responses['When?']).toContain('2030-01-31 10:00:00 UTC to 2030-01-31 10:45:00 UTC');
      expect(responses['About whom?']).toContain('keyed hash');
      expect(responses['In which systems, and by which method?']).toContain('POST /user/items/remove');
      expect(responses['With which receipt of the provider?']).toContain('574 of 574 receipts');
      expect(responses['With which exceptions?']).toMatch(
        /2 steps skipped: no items \(2\)\..*2 steps on legal hold\..*4 steps failed\..*2 receipts of attempts that were repeated later\..*2 rows of the source rejected/,
      );
      const { merkleRoot = 'none' } = (await ledger.sweeps.read('ended')) ?? {};
      expect(report.text('seal')).toContain(merkleRoot);
      expect(report.text('seal')).toContain('http-tasks verify ended');
      expect(report.text('seal')).toMatch(/Source ?(file:[^,]+, )?\d+ users, 3 duplicates, 2 invalid rows/);
      const { document } = await runJson<{ head: object }>(['sweep', 'results', 'ended'], env);
      expect(document.head).toMatchObject({ root: merkleRoot, approvedBy: [], source: { duplicates: 3, rejected: 2 } });
    });

    it('goes into a file of its owner', async () => {
      const file = join(temporaryFolder(), 'report.html');
      expect(await runJson(['receipts', 'ended', '--html', '--out', file], env)).toMatchObject({
        code: 0,
        document: { file, format: 'html' },
      });
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const withoutTime = (page: string): string => page.replace(/made [^<]* UTC/, '');
      expect(withoutTime(readFileSync(file, 'utf8'))).toBe(withoutTime(report.html));
    });
  });

  it('shows hostile texts of providers and people as text', async () => {
    await writeExampleSweep(ledger, { sweepId: HOSTILE, users: 100, code: HOSTILE, ends: false });
    const report = await reportOn(HOSTILE);
    expect(report.errors).toEqual([]);
    const plain = await reportOn('ended');
    const kinds = ({ elements }: HtmlPage): string[] => [...new Set(elements.map(({ tagName }) => tagName))].sort();
    expect(kinds(report)).toEqual(kinds(plain).filter((name) => name !== 'ol' && name !== 'li'));
    expect(report.html).not.toMatch(/<script|<img|<svg\/|\u202e/i);
    const shown = HOSTILE.replace('\u202e', '\ufffd').replace(/\s+/g, ' ');
    expect(report.text('people')).toContain(shown.slice(0, 100));
    expect(report.table('codes').map(([code]) => code)).toContain(shown);
    expect(report.elements.map((element) => attribute(element, 'aria-label') ?? '').join()).toContain(shown);
    expect(report.text()).toContain(
      '1 of 100 users is deleted; 92 more are removed from Plaid, and Batch has accepted the deletion; 4 need attention. Batch carries out what it has accepted later, and does not report when. Left out on purpose: 1 skipped and 1 on legal hold. 1 user is not finished yet.',
    );
    expect(report.text('seal')).toContain('not sealed yet');
  });

  it('names the first thousand users who need a person, and says where the others are', async () => {
    await sweepOf(ledger.sweeps, 'bad day', rowsOf(10_000, 11_100));
    const chunk = {
      sweepId: 'bad day',
      chunkId: 'c',
      fence: await ledger.sweeps.takeFence({ sweepId: 'bad day', chunkId: 'c' }),
    };
    for (let wave = 0; wave < 5; wave++) {
      const users = await ledger.sweeps.openWave({ ...chunk, range: { from: 0, to: 1_099 }, wave, limit: 250 });
      const refusal = {
        outcome: 'failed',
        failureType: 'Task.Unauthorized',
        status: 401,
        code: '10',
        step: 'batch.ios',
        task: 'batch.customDataDelete',
        service: 'batch',
        subject: '',
      } as const;
      await ledger.sweeps.flushWave({
        ...chunk,
        users: users.map((user) => settled(user, 'failed', { receipts: [receiptOf(user), receiptOf(user, refusal)] })),
      });
    }
    const report = await reportOn('bad day');
    const rows = report.table('people').slice(1);
    expect(rows).toHaveLength(1_000);
    // The step is about no user; another one of the user says who it is.
    expect(rows[999]?.[0]).toBe(`1,000 ${rowsOf(10_999, 11_000)[0]?.subjects[0]}`);
    expect(rows[0]?.at(-1)).toContain('Check BATCH_REST_API_KEY and BATCH_API_KEYS');
    expect(report.text('people')).toContain(
      "These are the first 1,000; 100 more are in http-tasks receipts 'bad day' --csv --out receipts.csv.",
    );
    expect(report.text()).toContain('0 of 1,100 users are deleted; 1,100 need attention.');
  });

  it('says of a sweep of one moment when that was, of a dry run that nothing was deleted, and of a fresh one that there is nothing yet', async () => {
    await sweepOf(ledger.sweeps, 'dry', rowsOf(0, 3));
    const chunk = {
      sweepId: 'dry',
      chunkId: 'c',
      fence: await ledger.sweeps.takeFence({ sweepId: 'dry', chunkId: 'c' }),
    };
    const users = await ledger.sweeps.openWave({ ...chunk, range: { from: 0, to: 9 }, wave: 1, limit: 9 });
    await ledger.sweeps.flushWave({
      ...chunk,
      users: users.map((user) =>
        settled(user, 'skipped', {
          receipts: settledFully(user).receipts.map((receipt) => ({
            ...receipt,
            outcome: 'skipped',
            reason: 'dryRun',
          })),
        }),
      ),
    });
    await ledger.sweeps.setStatus({ sweepId: 'dry', status: 'completed' });
    const dry = await reportOn('dry');
    expect(dry.errors).toEqual([]);
    expect(dry.text()).toContain('This was a dry run over 3 users: nothing was deleted.');
    expect(dry.text()).toContain('read, not changed');
    expect(dry.text()).not.toMatch(/left out on purpose|deleted0/);

    // Of a recorded plan that counts, also where every user failed.
    const plan = JSON.stringify({ reason: { code: 'OTHER' }, dryRun: true });
    const terms = { plan, needsApproval: false, maxUsers: 1_000 };
    await writeExampleSweep(ledger, { sweepId: 'planned dry', users: 100, terms });
    expect((await reportOn('planned dry')).text()).toContain('This was a dry run over 100 users: nothing was deleted.');
    expect(dry.text('throughput')).toMatch(/3 users finished at .* UTC\./);
    expect(dry.text('codes')).toContain('Nothing failed, and nothing is unknown.');

    await ledger.sweeps.create({ sweepId: 'fresh' });
    const fresh = await reportOn('fresh');
    expect(fresh.errors).toEqual([]);
    expect(fresh.text()).toContain('No user of this sweep is known yet.');
    expect(fresh.elements.filter(({ tagName }) => tagName === 'svg')).toEqual([]);
  });
});
