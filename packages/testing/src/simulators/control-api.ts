/**
 * The control API of all simulators: requests and responses of `/__sim/…`.
 *
 * | route | does |
 * |---|---|
 * | `POST /__sim/users` | adds users: `PlaidSeed` at Plaid, `BatchSeed` at Batch, else `ProviderSeed`; returns `SeedSummary` |
 * | `POST /__sim/faults` | adds one `FaultRule`, or an array of them; returns `FaultList` |
 * | `GET /__sim/faults` | returns `FaultList`, with how often each rule matched and fired |
 * | `DELETE /__sim/faults` | removes all rules, or one with `?id=` |
 * | `POST /__sim/settings` | changes latency, rate limits, read lag… while running |
 * | `GET /__sim/state` | returns `PlaidState`, `BatchState` or `ProviderState`; only the figures with `?detail=counts` |
 * | `GET /__sim/calls` | returns `CallList`, paginated with `?after=SEQ` and `?limit=N` |
 * | `POST /__sim/reset` | restores the users, faults and settings with which the simulator was started |
 *
 * None of these requires a provider's credentials, counts as a provider call, or returns a credential. An invalid body
 * is refused with 400 and `{error: {field, message}}`.
 */
import { z } from 'zod';

/** Endpoints by the provider's operation names, for fault rules and rate limits. */
export const PLAID_ENDPOINTS = [
  'userItemsGet',
  'userItemsRemove',
  'userProductsTerminate',
  'itemRemove',
  'userRemove',
  'itemGet',
  'itemProductsTerminate',
  'assetReportRemove',
  'userItemsAssociate',
] as const;
export const BATCH_ENDPOINTS = [
  'customDataDelete',
  'customDataBulkDelete',
  'gdprRequestCreate',
  'gdprRequestGet',
  'gdprRequestsList',
] as const;

/** The endpoint name of a call to an unknown route in the log; a rule for `*` also matches it. */
export const UNKNOWN_ROUTE = 'unknownRoute';

/** The provider's operation name, or `*` for every call. */
export type EndpointName =
  (typeof PLAID_ENDPOINTS)[number] | (typeof BATCH_ENDPOINTS)[number] | typeof UNKNOWN_ROUTE | '*' | (string & {});

/** Which names there are depends on the simulator, which refuses others. */
const endpointName: z.ZodType<EndpointName, EndpointName> = z.string().min(1);
const endpoint = z.enum([...PLAID_ENDPOINTS, ...BATCH_ENDPOINTS, UNKNOWN_ROUTE, '*']);

/**
 * Forms of a Retry-After header. `absurd` is ten thousand years in seconds, `pastDate` an HTTP date an hour ago,
 * `malformed` an invalid value, `raw` any text.
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

/** When a rule fires. Without `nth` and `probability` it fires on every matching call. */
const whenToFire = {
  /** The provider's operation name, or `*` for every call. */
  endpoint: endpointName,
  /** Matches only calls about this user: an ID of theirs at the provider. A bulk call matches each of its IDs. */
  user: z.string().optional(),
  /** Counted from 1 over the matching calls. Cannot be combined with `probability`. */
  nth: z.union([z.number().int().min(1), z.array(z.number().int().min(1)).min(1)]).optional(),
  probability: z.number().min(0).max(1).optional(),
  /** Seed of this rule's random numbers; by default derived from the simulator's seed and the rule's number. */
  seed: z.number().int().optional(),
  /** Maximum number of times it fires. @default unlimited */
  times: z.number().int().min(1).optional(),
};

/** True: the provider executes the call before the fault. False: the fault replaces the execution. */
const processed = (byDefault: boolean) => z.boolean().default(byDefault);

const faultKinds = z.discriminatedUnion('kind', [
  /** The connection is reset; nothing was done. */
  z.strictObject({ ...whenToFire, kind: z.literal('dropBefore') }),
  /** Everything was done; the connection is reset without a response. */
  z.strictObject({ ...whenToFire, kind: z.literal('dropAfter') }),
  /** Head and half of the body arrive, then the connection is reset. */
  z.strictObject({ ...whenToFire, kind: z.literal('resetMidBody'), processed: processed(true) }),
  /** No response until the client gives up; after `stallMs` the late response, or a reset if not processed. */
  z.strictObject({
    ...whenToFire,
    kind: z.literal('stall'),
    processed: processed(true),
    stallMs: z.number().int().min(1).optional(),
  }),
  /** Head and half of the body arrive, and then nothing until the client gives up. */
  z.strictObject({ ...whenToFire, kind: z.literal('stallMidBody'), processed: processed(true) }),
  /** A list that still contains removed Items. Other calls are handled as usual. */
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
  /** The correct JSON with content type `text/html`. */
  z.strictObject({ ...whenToFire, kind: z.literal('wrongContentType'), processed: processed(true) }),
  z.strictObject({ ...whenToFire, kind: z.literal('malformedJson'), processed: processed(true) }),
  /** A complete HTTP response with truncated JSON. */
  z.strictObject({ ...whenToFire, kind: z.literal('truncatedJson'), processed: processed(true) }),
  /** Valid JSON, but not what the provider documents. */
  z.strictObject({ ...whenToFire, kind: z.literal('wrongShape'), processed: processed(true) }),
  /** The correct response with this much padding. @default 5 MiB */
  z.strictObject({
    ...whenToFire,
    kind: z.literal('hugeBody'),
    bytes: z
      .number()
      .int()
      .min(1)
      .default(5 * 1024 * 1024),
  }),
  /** The correct response, a few bytes at a time. */
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
  /** The provider's response to wrong keys, although they are correct. */
  z.strictObject({ ...whenToFire, kind: z.literal('unauthorized') }),
  /** A well-formed error with an undocumented code. `errorType` exists only at Plaid. */
  z.strictObject({
    ...whenToFire,
    kind: z.literal('unknownErrorCode'),
    status: z.number().int().min(400).max(599).default(400),
    errorType: z.string().default('NEWLY_INVENTED_ERROR'),
    errorCode: z.string().optional(),
  }),
  /** The body contains every received credential: in an error (not processed) or in the response (processed). */
  z.strictObject({ ...whenToFire, kind: z.literal('echoSecret'), as: z.enum(['error', 'ok']).default('error') }),
]);

/** One fault rule: when it fires, and what happens to the call. Of several matching rules the first added fires. */
export const faultRuleSchema = faultKinds.refine((rule) => rule.nth === undefined || rule.probability === undefined, {
  path: ['probability'],
  message: 'give nth or probability, not both',
});

/** A token bucket. */
export const rateLimit = z.strictObject({
  perSecond: z.number().positive(),
  /** Maximum burst. @default the calls of one second, at least 1 */
  burst: z.number().min(1).optional(),
});

/** Settings of every simulator. */
export const commonSettings = {
  /** Delay of every provider response after processing, in milliseconds. @default 0 */
  latencyMs: z.number().min(0).default(0),
  /** Token buckets by endpoint; `*` is one bucket for all endpoints. @default none */
  rateLimits: z.partialRecord(endpoint, rateLimit).default({}),
  /** The Retry-After header of a rate limit's 429. @default absent, because neither provider documents it */
  retryAfter: retryAfterSchema.default({ form: 'absent' }),
};

export const plaidSettingsSchema = z.strictObject({
  ...commonSettings,
  /** How long a removed Item is still listed: for `ms` milliseconds or `reads` lists, whichever is longer. */
  readLag: z
    .strictObject({ ms: z.number().min(0).default(0), reads: z.number().int().min(0).default(0) })
    .default({ ms: 0, reads: 0 }),
  /**
   * `refuse` a second removal, as Plaid does; or `process` it with 200, so that repeated irreversible calls appear in
   * `repeats.irreversible`.
   * @default refuse
   */
  repeatedRemovals: z.enum(['refuse', 'process']).default('refuse'),
  /** The error for an Item that does not (or no longer) belong to the user. Plaid does not document its code. */
  foreignItemError: z
    .strictObject({ errorType: z.string(), errorCode: z.string() })
    .default({ errorType: 'INVALID_REQUEST', errorCode: 'INVALID_FIELD' }),
});

export const batchSettingsSchema = z.strictObject({
  ...commonSettings,
  /** Time between accepting a deletion and deleting the data, in milliseconds. @default 0 */
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

/** Generated users: IDs `<prefix>0` to `<prefix><count - 1>`; Plaid's Items are `item-<user id>-<n>`. */
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
          /** An older integration: not the user ID but only the token is accepted, also as the ID. @default false */
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
    /** IDs with custom data, by app name. */
    apps: z.record(z.string(), z.array(z.string().min(1))).default({}),
    /** IDs with custom data in every app. */
    users: z.array(z.string().min(1)).default([]),
    /** Generated IDs in every app. */
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
