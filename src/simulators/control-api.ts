/**
 * The control API of both simulators: what may be sent to `/__sim/…`, and what comes back.
 *
 * | route | does |
 * |---|---|
 * | `POST /__sim/users` | adds users: `PlaidSeed` at Plaid, `BatchSeed` at Batch; answers `SeedSummary` |
 * | `POST /__sim/faults` | adds one `FaultRule`, or an array of them; answers `FaultList` |
 * | `GET /__sim/faults` | answers `FaultList`, with how often each rule matched and fired |
 * | `DELETE /__sim/faults` | forgets all rules, or with `?id=` one |
 * | `POST /__sim/settings` | changes latency, rate limits, read lag… while running |
 * | `GET /__sim/state` | answers `PlaidState` or `BatchState`; with `?detail=counts` only the figures |
 * | `GET /__sim/calls` | answers `CallList`; `?after=SEQ` and `?limit=N` page through it |
 * | `POST /__sim/reset` | back to how the simulator was started: its first users, faults and settings |
 *
 * None of these needs a provider's credentials, counts as a provider call, or shows a credential.
 * A body that does not fit is refused with 400 and `{error: {field, message}}`.
 */
import { z } from 'zod';

/** Endpoints by the provider's own operation names; fault rules and rate limits name them. */
export const PLAID_ENDPOINTS = [
  'userItemsGet',
  'userItemsRemove',
  'userProductsTerminate',
  'itemRemove',
  'userRemove',
] as const;
export const BATCH_ENDPOINTS = [
  'customDataDelete',
  'customDataBulkDelete',
  'gdprRequestCreate',
  'gdprRequestGet',
] as const;

/** How a call to no known route is called in the log; a rule for `*` matches it too. */
export const UNKNOWN_ROUTE = 'unknownRoute';

const endpoint = z.enum([...PLAID_ENDPOINTS, ...BATCH_ENDPOINTS, UNKNOWN_ROUTE, '*']);

/**
 * The forms in which a server may say when to come back. `absurd` is ten thousand years in seconds,
 * `pastDate` an HTTP date an hour ago, `malformed` no valid value at all, `raw` any text of your own.
 */
const retryAfterSchema = z.discriminatedUnion('form', [
  z.strictObject({ form: z.literal('seconds'), seconds: z.number().int().min(0) }),
  z.strictObject({ form: z.literal('httpDate'), seconds: z.number().int().min(0) }),
  z.strictObject({ form: z.literal('pastDate') }),
  z.strictObject({ form: z.literal('absurd') }),
  z.strictObject({ form: z.literal('malformed') }),
  z.strictObject({ form: z.literal('absent') }),
  z.strictObject({ form: z.literal('raw'), value: z.string() }),
]);

/** When a rule fires. Without `nth` and `probability` it fires on every call that it matches. */
const whenToFire = {
  /** The provider's operation name, or `*` for every call. */
  endpoint,
  /** Only calls about this user: Plaid's user id, Batch's custom id; a bulk call is about each of its ids. */
  user: z.string().optional(),
  /** Counted from 1 over the calls this rule matches. Not together with `probability`. */
  nth: z.union([z.number().int().min(1), z.array(z.number().int().min(1)).min(1)]).optional(),
  probability: z.number().min(0).max(1).optional(),
  /** Seed of this rule's own random numbers; by default made from the simulator's seed and the rule's place. */
  seed: z.number().int().optional(),
  /** The most often it may fire. @default unlimited */
  times: z.number().int().min(1).optional(),
};

/** True: the provider does what was asked and then the fault happens. False: it happens instead. */
const processed = (byDefault: boolean) => z.boolean().default(byDefault);

const faultKinds = z.discriminatedUnion('kind', [
  /** The connection is reset; nothing was done. */
  z.strictObject({ ...whenToFire, kind: z.literal('dropBefore') }),
  /** Everything was done; the connection is reset without an answer. */
  z.strictObject({ ...whenToFire, kind: z.literal('dropAfter') }),
  /** Head and half of the body arrive, then the connection is reset. */
  z.strictObject({ ...whenToFire, kind: z.literal('resetMidBody'), processed: processed(true) }),
  /** No answer until the client gives up; after `stallMs` the late answer, or if not processed a closed connection. */
  z.strictObject({
    ...whenToFire,
    kind: z.literal('stall'),
    processed: processed(true),
    stallMs: z.number().int().min(1).optional(),
  }),
  /** Head and half of the body, and then nothing until the client gives up. */
  z.strictObject({ ...whenToFire, kind: z.literal('stallMidBody'), processed: processed(true) }),
  /** A listing that does not know yet what was removed; any other call is answered as usual. */
  z.strictObject({ ...whenToFire, kind: z.literal('staleRead') }),
  z.strictObject({
    ...whenToFire,
    kind: z.literal('rateLimit'),
    retryAfter: retryAfterSchema.default({ form: 'absent' }),
  }),
  z.strictObject({ ...whenToFire, kind: z.literal('serverError'), processed: processed(false) }),
  /** The HTML page of a proxy, not of the provider. */
  z.strictObject({ ...whenToFire, kind: z.literal('badGateway'), processed: processed(false) }),
  z.strictObject({
    ...whenToFire,
    kind: z.literal('maintenance'),
    retryAfter: retryAfterSchema.default({ form: 'absent' }),
  }),
  /** The right JSON under `text/html`. */
  z.strictObject({ ...whenToFire, kind: z.literal('wrongContentType'), processed: processed(true) }),
  z.strictObject({ ...whenToFire, kind: z.literal('malformedJson'), processed: processed(true) }),
  /** A complete HTTP answer whose JSON stops half-way. */
  z.strictObject({ ...whenToFire, kind: z.literal('truncatedJson'), processed: processed(true) }),
  /** Valid JSON, but not what the provider documents. */
  z.strictObject({ ...whenToFire, kind: z.literal('wrongShape'), processed: processed(true) }),
  /** The right answer with that much padding in it. @default 5 MiB */
  z.strictObject({
    ...whenToFire,
    kind: z.literal('hugeBody'),
    bytes: z
      .number()
      .int()
      .min(1)
      .default(5 * 1024 * 1024),
  }),
  /** The right answer, a few bytes at a time. */
  z.strictObject({
    ...whenToFire,
    kind: z.literal('slowDrip'),
    intervalMs: z.number().int().min(1).default(100),
    bytesPerChunk: z.number().int().min(1).default(1),
  }),
  z.strictObject({
    ...whenToFire,
    kind: z.literal('redirect'),
    location: z.string().default('https://redirected.invalid/'),
    status: z.union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)]).default(307),
    processed: processed(false),
  }),
  /** The provider's answer to wrong keys, though they are right. */
  z.strictObject({ ...whenToFire, kind: z.literal('unauthorized') }),
  /** A well-formed error whose code no document names. `errorType` exists at Plaid only. */
  z.strictObject({
    ...whenToFire,
    kind: z.literal('unknownErrorCode'),
    status: z.number().int().min(400).max(599).default(400),
    errorType: z.string().default('NEWLY_INVENTED_ERROR'),
    errorCode: z.string().optional(),
  }),
  /** Every credential received comes back in the body: in an error (not processed) or in the answer (processed). */
  z.strictObject({ ...whenToFire, kind: z.literal('echoSecret'), as: z.enum(['error', 'ok']).default('error') }),
]);

/** One fault rule: when it fires, and what then happens to the call. Of several that fit a call the first added wins. */
export const faultRuleSchema = faultKinds.refine((rule) => rule.nth === undefined || rule.probability === undefined, {
  path: ['probability'],
  message: 'give nth or probability, not both',
});

const rateLimit = z.strictObject({
  perSecond: z.number().positive(),
  /** Calls that may come at once. @default one second's worth, at least 1 */
  burst: z.number().min(1).optional(),
});

const commonSettings = {
  /** Added to every provider answer after processing. @default 0 */
  latencyMs: z.number().min(0).default(0),
  /** Token buckets by endpoint; `*` is one bucket for all of them together. @default none */
  rateLimits: z.partialRecord(endpoint, rateLimit).default({}),
  /** What the 429 of a rate limit says. @default absent: neither provider documents the header */
  retryAfter: retryAfterSchema.default({ form: 'absent' }),
};

export const plaidSettingsSchema = z.strictObject({
  ...commonSettings,
  /** How long a removed Item is still listed: for `ms` milliseconds or `reads` listings, whichever lasts longer. */
  readLag: z
    .strictObject({ ms: z.number().min(0).default(0), reads: z.number().int().min(0).default(0) })
    .default({ ms: 0, reads: 0 }),
  /**
   * `refuse` a second removal, as Plaid does; or `process` it with 200, so that a client that repeats
   * an irreversible call shows in `repeats.irreversible`. @default refuse
   */
  repeatedRemovals: z.enum(['refuse', 'process']).default('refuse'),
  /** The error for an Item that is not (or no longer) the user's; Plaid does not document its code. */
  foreignItemError: z
    .strictObject({ errorType: z.string(), errorCode: z.string() })
    .default({ errorType: 'INVALID_REQUEST', errorCode: 'INVALID_FIELD' }),
});

export const batchSettingsSchema = z.strictObject({
  ...commonSettings,
  /** Time between accepting a deletion and the data being gone. @default 0 */
  processingDelayMs: z.number().min(0).default(0),
  /** A GDPR request reads `pending` until it has been read `polls` times and is `delayMs` old. */
  gdpr: z
    .strictObject({ polls: z.number().int().min(0).default(1), delayMs: z.number().min(0).default(0) })
    .default({ polls: 1, delayMs: 0 }),
});

const item = z.union([
  z.string().min(1),
  z.strictObject({
    itemId: z.string().min(1),
    /** @default `access-<environment>-<itemId>` */
    accessToken: z.string().min(1).optional(),
  }),
]);

/** Users made up by the simulator: ids `<prefix>0` to `<prefix><count - 1>`; Plaid's Items are `item-<user id>-<n>`. */
const generate = {
  count: z.number().int().min(1).max(5_000_000),
  prefix: z.string().min(1),
};

export const plaidSeedSchema = z
  .strictObject({
    users: z
      .array(
        z.strictObject({
          userId: z.string().min(1),
          userToken: z.string().min(1).optional(),
          /** An older integration: the user id is not accepted, only the token (also in place of the id). @default false */
          tokenOnly: z.boolean().default(false),
          items: z.array(item).default([]),
        }),
      )
      .default([]),
    generate: z.strictObject({ ...generate, itemsPerUser: z.number().int().min(0).default(1) }).optional(),
  })
  .refine((seed) => seed.users.length > 0 || seed.generate !== undefined, { message: 'give users, generate, or both' });

export const batchSeedSchema = z
  .strictObject({
    /** Ids that have custom data, by the name of the app. */
    apps: z.record(z.string(), z.array(z.string().min(1))).default({}),
    /** Ids that have custom data in every app. */
    users: z.array(z.string().min(1)).default([]),
    /** Made-up ids, in every app. */
    generate: z.strictObject(generate).optional(),
  })
  .refine((seed) => Object.keys(seed.apps).length + seed.users.length > 0 || seed.generate !== undefined, {
    message: 'give apps, users or generate',
  });

export type RetryAfterForm = z.output<typeof retryAfterSchema>;
export type FaultRuleInput = z.input<typeof faultRuleSchema>;
export type FaultRule = z.output<typeof faultRuleSchema>;
export type FaultKind = FaultRule['kind'];
export type PlaidSettingsInput = z.input<typeof plaidSettingsSchema>;
export type PlaidSettings = z.output<typeof plaidSettingsSchema>;
export type BatchSettingsInput = z.input<typeof batchSettingsSchema>;
export type BatchSettings = z.output<typeof batchSettingsSchema>;
export type PlaidSeedInput = z.input<typeof plaidSeedSchema>;
export type PlaidSeed = z.output<typeof plaidSeedSchema>;
export type BatchSeedInput = z.input<typeof batchSeedSchema>;
export type BatchSeed = z.output<typeof batchSeedSchema>;
