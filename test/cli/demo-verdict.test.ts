import type { ProblemKind, RunOfUser } from '@temporal-http-tasks/cli/internal/demo/demo-users';
import type { StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { Stage } from './demo-stage';

/** Says the same as before, except for one step of one user. */
function restated(runs: readonly RunOfUser[], label: string, step: string, change: Partial<StepResult>): RunOfUser[] {
  return runs.map((run) => {
    if (!run.result || !run.member.label.startsWith(label)) return run;
    const steps = run.result.steps.map((one) => (one.step === step ? { ...one, ...change } : one));
    return { ...run, result: { ...run.result, steps } };
  });
}

describe("the demo's verdict", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.open();
  });
  afterEach(() => stage.close());

  async function kindsAfter(runs: readonly RunOfUser[]): Promise<{ ok: boolean; kinds: ProblemKind[]; who: string[] }> {
    const { verdict, problems } = await stage.judge(runs);
    return {
      ok: verdict.ok,
      kinds: [...new Set(problems.map(({ kind }) => kind))],
      who: [...new Set(problems.map(({ who }) => who))],
    };
  }

  it('holds when everything that had to go is gone and nothing else was touched', async () => {
    const { verdict, problems } = await stage.judge(await stage.offboardAll());
    expect(problems).toEqual([]);
    expect(verdict).toEqual({
      ok: true,
      usersGone: 4,
      usersLeft: 0,
      bystandersTouched: 0,
      irreversibleCallsRepeated: 0,
      repeatSafeCallsRepeated: 0,
    });
  });

  it('counts every user as left when nothing was done, also if the runs say so', async () => {
    const { verdict } = await stage.judge(await stage.offboardAll(() => true));
    expect(verdict).toMatchObject({ ok: false, usersGone: 0, usersLeft: 4 });
  });

  it.each(['plaid.items', 'plaid.products', 'plaid.user', 'batch.ios', 'batch.android'])(
    'fails when %s of one user was left out and the run admits it',
    async (step) => {
      const runs = await stage.offboardAll((label, name) => label.startsWith('leaves') && name === step);
      // The removal of the user takes the Items along, so they are gone, and only the report is wrong.
      const kinds = step === 'plaid.items' ? ['report'] : ['left'];
      expect(await kindsAfter(runs)).toEqual({ ok: false, kinds, who: ['leaves remove-user'] });
    },
  );

  it('fails when a bystander at Plaid was touched', async () => {
    const runs = await stage.offboardAll();
    await stage.plaid('/user/products/terminate', { user_id: 'bystander-9', reason_code: 'OTHER' });
    const { verdict, problems } = await stage.judge(runs);
    expect(verdict).toMatchObject({ ok: false, bystandersTouched: 1 });
    expect(problems).toEqual([expect.objectContaining({ kind: 'bystander', who: 'bystander-9' })]);
  });

  it('fails when the foreign Item of a row was removed from its owner', async () => {
    const runs = await stage.offboardAll();
    await stage.plaid('/user/items/remove', { user_id: 'bystander-3', item_ids: ['item-bystander-3-0'] });
    expect(await kindsAfter(runs)).toEqual({ ok: false, kinds: ['bystander'], who: ['bystander-3'] });
  });

  it.each(['bystander-9', 'B-A', 'an id that Batch never knew'])('fails when "%s" was deleted at Batch', async (id) => {
    const runs = await stage.offboardAll();
    await stage.deleteAtBatch(id, 'ios');
    expect(await kindsAfter(runs)).toEqual({ ok: false, kinds: ['bystander'], who: [id] });
  });

  it('fails when an Item that is gone was removed again, and counts the call', async () => {
    const runs = await stage.offboardAll();
    const { plaid, expected } = stage.member('plain');
    await stage.plaid('/user/items/remove', { user_id: plaid?.userId, item_ids: expected.itemsGone });
    const { verdict, problems } = await stage.judge(runs);
    expect(verdict).toMatchObject({ ok: false, irreversibleCallsRepeated: 1 });
    expect(problems).toEqual([
      {
        kind: 'repeated',
        who: 'plain',
        problem: `userItemsRemove was carried out 2 times for ${expected.itemsGone[0]}`,
      },
    ]);
  });

  it('fails when a user was removed again', async () => {
    const runs = await stage.offboardAll();
    await stage.plaid('/user/remove', { user_id: stage.member('leaves').plaid?.userId });
    expect(await kindsAfter(runs)).toMatchObject({ ok: false, kinds: ['repeated'] });
  });

  it('holds when a repeat-safe call was repeated, and counts it', async () => {
    const runs = await stage.offboardAll();
    await stage.deleteAtBatch('b-a', 'ios');
    expect((await stage.judge(runs)).verdict).toMatchObject({ ok: true, repeatSafeCallsRepeated: 1 });
  });

  it('fails when a hold was ignored, although the run admits it', async () => {
    const runs = await stage.offboardAll();
    await stage.deleteAtBatch('b-d', 'ios');
    expect(await kindsAfter(restated(runs, 'stays', 'batch.ios', { outcome: 'accepted' }))).toEqual({
      ok: false,
      kinds: ['tooMuch'],
      who: ['stays legal-hold'],
    });
  });

  it('fails when an Item was removed that no run was asked to remove', async () => {
    const runs = await stage.offboardAll();
    const { plaid, expected } = stage.member('chosen');
    await stage.plaid('/user/items/remove', { user_id: plaid?.userId, item_ids: expected.itemsLeft });
    expect(await kindsAfter(restated(runs, 'chosen', 'plaid.items', { items: 2 }))).toEqual({
      ok: false,
      kinds: ['tooMuch'],
      who: ['chosen'],
    });
  });

  it.each<[string, string, Partial<StepResult>]>([
    ['more Items than were removed', 'plaid.items', { items: 5 }],
    ['that nothing was removed', 'plaid.items', { outcome: 'failed' }],
    ['that the products were left', 'plaid.products', { outcome: 'failed' }],
    ['that the user was not found', 'plaid.user', { outcome: 'notFound' }],
    ['that Batch was skipped', 'batch.ios', { outcome: 'skipped' }],
    ['nothing about a step', 'batch.android', { step: 'batch.other' }],
  ])('fails when a run reports %s, although all is as it should be', async (_, step, change) => {
    const runs = await stage.offboardAll();
    expect(await kindsAfter(restated(runs, 'leaves', step, change))).toEqual({
      ok: false,
      kinds: ['report'],
      who: ['leaves remove-user'],
    });
  });

  it('fails when a run claims what was not done', async () => {
    const runs = await stage.offboardAll((label, step) => label === 'plain' && step === 'batch.ios');
    expect(await kindsAfter(restated(runs, 'plain', 'batch.ios', { outcome: 'accepted' }))).toEqual({
      ok: false,
      kinds: ['left', 'report'],
      who: ['plain'],
    });
  });

  it('fails when a run gave no result, even if everything is gone', async () => {
    const runs = (await stage.offboardAll()).map(({ member, result }) => ({
      member,
      ...(member.label !== 'plain' && { result }),
    }));
    expect(await kindsAfter(runs)).toEqual({ ok: false, kinds: ['report'], who: ['plain'] });
  });
});
