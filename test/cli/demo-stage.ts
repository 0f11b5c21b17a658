import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoUsersFrom, seedsFor } from '@temporal-http-tasks/cli/internal/demo/demo-users';
import type { DemoUser, RunOfUser } from '@temporal-http-tasks/cli/internal/demo/demo-users';
import { readProviderState } from '@temporal-http-tasks/cli/internal/demo/provider-state';
import { judge } from '@temporal-http-tasks/cli/internal/demo/verdict';
import { readUserFile } from '@temporal-http-tasks/cli/internal/users/read-file';
import type { OffboardResult, StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';

const HEAD = 'plaid_user_id,plaid_user_token,batch_user_id,reference,item_ids';

/** A user file with these rows. */
export async function userFile(...rows: string[]): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'http-tasks-users-')), 'users.csv');
  await writeFile(file, [HEAD, ...rows, ''].join('\n'));
  return file;
}

/** Real simulators that hold one of each kind of user, and hands that do with them what a test wants. */
export class Stage {
  private constructor(
    readonly cast: readonly DemoUser[],
    readonly simulators: Simulators,
  ) {}

  static async open(): Promise<Stage> {
    const rows = await readUserFile(
      await userFile(
        'usr_a,,b-a,plain,',
        'usr_b,,b-b,chosen,mine-1;item-bystander-3-0',
        'usr_c,,b-c,leaves remove-user,',
        'usr_d,,b-d,stays legal-hold,',
        'usr_e,,b-e,nobody unknown-to-plaid,',
      ),
      '--users',
    );
    const demoUsers = demoUsersFrom(rows);
    const seeds = seedsFor(demoUsers);
    const simulators = await startSimulators({
      plaid: { users: seeds.plaid, repeatedRemovals: 'process' },
      batch: { users: seeds.batch },
    });
    return new Stage(demoUsers, simulators);
  }

  close(): Promise<void> {
    return this.simulators.close();
  }

  member(label: string): DemoUser {
    const found = this.cast.find((member) => member.label.startsWith(label));
    if (!found) throw new Error(`There is no ${label} on the stage.`);
    return found;
  }

  async plaid(path: string, body: object): Promise<void> {
    const { url, clientId, secret } = this.simulators.plaid;
    const headers = { 'content-type': 'application/json', 'plaid-client-id': clientId, 'plaid-secret': secret };
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  }

  async deleteAtBatch(id: string, app: 'ios' | 'android'): Promise<void> {
    const { url, appKeys, restApiKey } = this.simulators.batch;
    const response = await fetch(`${url}/1.0/${appKeys[app]}/data/users/${encodeURIComponent(id)}`, {
      method: 'DELETE',
      headers: { 'x-authorization': restApiKey },
    });
    if (!response.ok) throw new Error(`${id}: ${await response.text()}`);
  }

  /** Does everything that has to be done, except what `but` leaves out by the user's label and the step. */
  async offboardAll(but: (label: string, step: string) => boolean = () => false): Promise<RunOfUser[]> {
    const runs: RunOfUser[] = [];
    for (const member of this.cast)
      runs.push({ member, result: await this.offboard(member, (step) => but(member.label, step)) });
    return runs;
  }

  judge(runs: readonly RunOfUser[]): Promise<ReturnType<typeof judge>> {
    const { plaid, batch } = this.simulators;
    return readProviderState({ plaid: plaid.url, batch: batch.url }).then((state) =>
      judge(runs, state.plaid, state.batch),
    );
  }

  private async offboard(member: DemoUser, leaveOut: (step: string) => boolean): Promise<OffboardResult> {
    const { plaid, batchUserId, expected } = member;
    const steps: StepResult[] = [];
    const step = async (
      name: string,
      wanted: boolean,
      result: Partial<StepResult>,
      work: () => Promise<void>,
    ): Promise<void> => {
      const done = wanted && !leaveOut(name);
      if (done) await work();
      steps.push({
        step: name,
        task: name,
        ...(done ? { outcome: 'removed' as const, ...result } : { outcome: 'failed' as const }),
      });
    };
    const user_id = plaid?.userId;
    const items = expected.itemsGone;
    await step('plaid.items', items.length > 0, { items: items.length }, () =>
      this.plaid('/user/items/remove', { user_id, item_ids: items }),
    );
    await step('plaid.products', expected.productsTerminated, {}, () =>
      this.plaid('/user/products/terminate', { user_id, reason_code: 'USER_OFFBOARDING' }),
    );
    await step('plaid.user', expected.plaidUserRemoved, {}, () => this.plaid('/user/remove', { user_id }));
    for (const app of ['ios', 'android'] as const) {
      await step(`batch.${app}`, expected.batchGone, { outcome: 'accepted' }, () =>
        this.deleteAtBatch(batchUserId ?? '', app),
      );
    }
    return { workflowId: member.label, runId: '', status: 'completed', steps, compensations: [] };
  }
}
