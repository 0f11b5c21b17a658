// Compiled by `npm run typecheck` and never run: what a caller of a task may write, and what does not compile.
import { expectTypeOf } from 'expect-type';
import type { OffboardResult, OffboardUserInput } from 'temporal-http-tasks';
import {
  batch,
  defineHttpTask,
  defineService,
  http,
  httpTask,
  offboardUser,
  plaid,
} from 'temporal-http-tasks/workflow';
import { z } from 'zod';

export async function everyCallIsTyped(): Promise<void> {
  const removed = await httpTask(plaid.userItemsRemove)({ user_id: 'usr_1', item_ids: ['item_1'] });
  expectTypeOf(removed.request_id).toEqualTypeOf<string>();
  const listed = await httpTask(plaid.userItemsGet)({ user_token: 'user-sandbox-1' });
  expectTypeOf(listed.items[0]?.item_id).toEqualTypeOf<string | undefined>();
  const deleted = await httpTask(batch.customDataDelete)({ id: 'alice', app: 'ios' });
  expectTypeOf(deleted.token).toEqualTypeOf<string>();
  const request = await httpTask(batch.gdprRequestGet)({ id: 'token' });
  expectTypeOf(request.status).toEqualTypeOf<string>();
  expectTypeOf(request.error).toEqualTypeOf<string | null | undefined>();
  const { response } = await httpTask(http.request)({
    uri: 'https://desk.example.com/',
    method: 'POST',
    body: { open: true },
  });
  expectTypeOf(response.statusCode).toEqualTypeOf<number>();
  expectTypeOf(response.body).toEqualTypeOf<unknown>();
}

export async function whatDoesNotCompile(): Promise<void> {
  // @ts-expect-error item_ids is missing
  await httpTask(plaid.userItemsRemove)({ user_id: 'usr_1' });
  // @ts-expect-error item_ids is misspelt
  await httpTask(plaid.userItemsRemove)({ user_id: 'usr_1', itemIds: ['item_1'] });
  // @ts-expect-error there is no field called reason
  await httpTask(plaid.userItemsRemove)({ user_id: 'usr_1', item_ids: ['item_1'], reason: 'OTHER' });
  // @ts-expect-error an id is text, not a number
  await httpTask(plaid.userItemsRemove)({ user_id: 1, item_ids: ['item_1'] });
  // @ts-expect-error a provider's key is never input
  await httpTask(plaid.userItemsGet)({ user_id: 'usr_1', secret: 'key' });
  // @ts-expect-error reason_code is missing
  await httpTask(plaid.userProductsTerminate)({ user_id: 'usr_1' });
  // @ts-expect-error products are terminated by user_id only
  await httpTask(plaid.userProductsTerminate)({ user_token: 'user-sandbox-1', reason_code: 'OTHER' });
  // @ts-expect-error this reason is for products, not for an Item
  await httpTask(plaid.itemRemove)({ access_token: 'access-1', reason_code: 'USER_OFFBOARDING' });
  // @ts-expect-error this reason is for an Item, not for products
  await httpTask(plaid.userProductsTerminate)({ user_id: 'usr_1', reason_code: 'CONNECTION_IS_NON_FUNCTIONAL' });
  // @ts-expect-error one id is not a list of ids
  await httpTask(batch.customDataBulkDelete)({ ids: 'alice' });
  // @ts-expect-error only removal requests are offered
  await httpTask(batch.gdprRequestCreate)({ request_type: 'access', id: { type: 'custom_id', value: 'alice' } });
  // @ts-expect-error the response's field is called request_id
  void (await httpTask(plaid.userRemove)({ user_id: 'usr_1' })).requestId.length;
  // @ts-expect-error the activity decides which failures are final, so retries are not an option here
  httpTask(plaid.userItemsGet, { retry: { maximumAttempts: 1 } });
}

export function everyTaskHasItsName(): void {
  expectTypeOf(plaid.userItemsRemove.name).toEqualTypeOf<'plaid.userItemsRemove'>();
  expectTypeOf(batch.customDataBulkDelete.name).toEqualTypeOf<'batch.customDataBulkDelete'>();
  expectTypeOf(http.request.name).toEqualTypeOf<'http.request'>();
}

export async function aTaskOfOnesOwnIsTyped(): Promise<void> {
  const service = defineService({
    name: 'desk',
    title: 'Desk',
    environments: { default: 'https://desk.example.com' },
    defaultEnvironment: 'default',
    errors: { fields: { code: 'code' }, rules: [] },
  });
  const ticketGet = defineHttpTask({
    service,
    operation: 'ticketGet',
    summary: 'Read a ticket',
    method: 'GET',
    path: '/tickets/{id}',
    places: { id: 'path' },
    input: z.strictObject({ id: z.string(), verbose: z.boolean().optional() }),
    output: z.looseObject({ state: z.enum(['open', 'closed']) }),
    effect: 'read',
  });
  expectTypeOf(ticketGet.name).toEqualTypeOf<'desk.ticketGet'>();
  const { state } = await httpTask(ticketGet)({ id: '7' });
  expectTypeOf(state).toEqualTypeOf<'open' | 'closed'>();
  // @ts-expect-error id is missing
  await httpTask(ticketGet)({ verbose: true });
  // @ts-expect-error summary is missing
  defineHttpTask({
    service,
    operation: 'x',
    method: 'GET',
    path: '/',
    input: z.strictObject({}),
    output: z.looseObject({}),
    effect: 'read',
  });
}

export function offboardingIsTyped(): void {
  expectTypeOf(offboardUser).toEqualTypeOf<(input: OffboardUserInput) => Promise<OffboardResult>>();
  const reason = { code: 'USER_OFFBOARDING' } as const;
  expectTypeOf({ user: { plaidUserId: 'usr_1' }, reason }).toExtend<OffboardUserInput>();
  // @ts-expect-error the reason is missing
  void offboardUser({ user: { plaidUserId: 'usr_1' } });
  // @ts-expect-error there is no such reason for products
  void offboardUser({ user: { plaidUserId: 'usr_1' }, reason: { code: 'CONNECTION_IS_NON_FUNCTIONAL' } });
  // @ts-expect-error the field is called plaidUserId
  void offboardUser({ user: { plaidUserID: 'usr_1' }, reason });
  // @ts-expect-error there is no such mode
  void offboardUser({ user: { batchUserId: 'alice' }, reason, batch: { mode: 'everything' } });
  // @ts-expect-error a dry run is asked for as dryRun
  void offboardUser({ user: { batchUserId: 'alice' }, reason, dry: true });
}
