// Compiled by `npm run typecheck` and never run. Every line fails to compile as soon as the catalogue's Plaid tasks and
// the types of Plaid's own client are no longer the same. `drift.test.ts` shows that the lines can fail.
import { expectTypeOf } from 'expect-type';
import type {
  AssetReportRemoveRequest,
  AssetReportRemoveResponse,
  ItemGetRequest,
  ItemGetResponse,
  ItemProductsTerminateRequest,
  ItemProductsTerminateResponse,
  ItemRemoveReasonCode,
  ItemRemoveRequest,
  ItemRemoveResponse,
  ProductsTerminateReasonCode,
  UserItemsGetRequest,
  UserItemsGetResponse,
  UserItemsRemoveRequest,
  UserItemsRemoveResponse,
  UserProductsTerminateRequest,
  UserProductsTerminateResponse,
  UserRemoveRequest,
  UserRemoveResponse,
} from 'plaid';
import type { TaskInput, TaskOutput } from 'temporal-http-tasks';
import type { plaid } from 'temporal-http-tasks/workflow';

type Plaid = typeof plaid;

/** Keys are put in by the sender and are never input; `null` for a field left out is not offered. Enums read as text. */
type Offered<Request> = {
  [Field in keyof Omit<Request, 'client_id' | 'secret'>]: Textual<Exclude<Request[Field], null>>;
};

/** The strings of an enum, as JSON carries them. */
type Textual<Value> = Value extends string ? (string extends Value ? string : `${Value}`) : Value;

expectTypeOf<TaskInput<Plaid['userItemsGet']>>().toEqualTypeOf<Offered<UserItemsGetRequest>>();
expectTypeOf<TaskInput<Plaid['userItemsRemove']>>().toEqualTypeOf<Offered<UserItemsRemoveRequest>>();
expectTypeOf<TaskInput<Plaid['userProductsTerminate']>>().toEqualTypeOf<Offered<UserProductsTerminateRequest>>();
expectTypeOf<TaskInput<Plaid['itemRemove']>>().toEqualTypeOf<Offered<ItemRemoveRequest>>();
expectTypeOf<TaskInput<Plaid['userRemove']>>().toEqualTypeOf<Offered<UserRemoveRequest>>();
expectTypeOf<TaskInput<Plaid['itemGet']>>().toEqualTypeOf<Offered<ItemGetRequest>>();
expectTypeOf<TaskInput<Plaid['itemProductsTerminate']>>().toEqualTypeOf<Offered<ItemProductsTerminateRequest>>();
expectTypeOf<TaskInput<Plaid['assetReportRemove']>>().toEqualTypeOf<Offered<AssetReportRemoveRequest>>();

/** The other way round, as a caller meets it: what is written for our task is a request of Plaid's. */
expectTypeOf<TaskInput<Plaid['userItemsGet']>>().toExtend<UserItemsGetRequest>();
expectTypeOf<TaskInput<Plaid['userItemsRemove']>>().toExtend<UserItemsRemoveRequest>();
expectTypeOf<TaskInput<Plaid['userRemove']>>().toExtend<UserRemoveRequest>();

/** What our tasks promise about a response, Plaid promises too; fields that we do not name are kept, not checked. */
type Promised<Output> = { [Field in keyof Output as string extends Field ? never : Field]: Output[Field] };
expectTypeOf<UserItemsGetResponse>().toExtend<{ request_id: string; items: { item_id: string }[] }>();
expectTypeOf<UserItemsGetResponse>().toExtend<Omit<Promised<TaskOutput<Plaid['userItemsGet']>>, 'items'>>();
expectTypeOf<UserItemsGetResponse['items'][number]>().toExtend<
  Promised<TaskOutput<Plaid['userItemsGet']>['items'][number]>
>();
expectTypeOf<UserItemsRemoveResponse>().toEqualTypeOf<Promised<TaskOutput<Plaid['userItemsRemove']>>>();
expectTypeOf<UserProductsTerminateResponse>().toEqualTypeOf<Promised<TaskOutput<Plaid['userProductsTerminate']>>>();
expectTypeOf<ItemRemoveResponse>().toEqualTypeOf<Promised<TaskOutput<Plaid['itemRemove']>>>();
expectTypeOf<UserRemoveResponse>().toEqualTypeOf<Promised<TaskOutput<Plaid['userRemove']>>>();
expectTypeOf<ItemGetResponse>().toExtend<{ request_id: string; item: { item_id: string } }>();
expectTypeOf<ItemProductsTerminateResponse>().toEqualTypeOf<Promised<TaskOutput<Plaid['itemProductsTerminate']>>>();
expectTypeOf<AssetReportRemoveResponse>().toEqualTypeOf<Promised<TaskOutput<Plaid['assetReportRemove']>>>();

type TerminateReason = TaskInput<Plaid['userProductsTerminate']>['reason_code'];
type ItemReason = NonNullable<TaskInput<Plaid['itemRemove']>['reason_code']>;
expectTypeOf<TerminateReason>().toEqualTypeOf<`${ProductsTerminateReasonCode}`>();
expectTypeOf<ItemReason>().toEqualTypeOf<`${ItemRemoveReasonCode}`>();

/** The two lists overlap, and neither holds the other. */
expectTypeOf<'USER_OFFBOARDING'>().toExtend<TerminateReason>();
expectTypeOf<'USER_OFFBOARDING'>().not.toExtend<ItemReason>();
expectTypeOf<'CONNECTION_IS_NON_FUNCTIONAL'>().toExtend<ItemReason>();
expectTypeOf<'CONNECTION_IS_NON_FUNCTIONAL'>().not.toExtend<TerminateReason>();
