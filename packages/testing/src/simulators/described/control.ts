import { z } from 'zod';
import type { CallFigures, Repeats } from '../control-responses';
import { commonSettings, rateLimit } from '../control-api';

const id = z.union([z.string().min(1), z.array(z.string().min(1)).max(1_000)]);

/** The body of `POST /__sim/users`. */
export const providerSeedSchema = z
  .strictObject({
    users: z
      .array(
        z.strictObject({
          /** By the names of the provider file. */
          ids: z.record(z.string(), id).refine((ids) => Object.keys(ids).length > 0, { message: 'give an ID' }),
          /** The items of the list step, or of each by its name. @default made up, see `itemsPerUser` */
          items: z.union([z.array(z.string().min(1)), z.record(z.string(), z.array(z.string().min(1)))]).optional(),
          /** The provider does not know the user. @default false */
          absent: z.boolean().default(false),
        }),
      )
      .default([]),
    /** Users with made-up IDs: `<prefix>0` to `<prefix><count - 1>`; whole numbers where an ID is one. */
    generate: z
      .strictObject({
        count: z.number().int().min(1).max(5_000_000),
        prefix: z.string().min(1),
        itemsPerUser: z.number().int().min(0).max(10_000).optional(),
      })
      .optional(),
  })
  .refine((seed) => seed.users.length > 0 || seed.generate !== undefined, { message: 'give users, generate, or both' });

/** The body of `POST /__sim/settings`. */
export const providerSettingsSchema = z.strictObject({
  ...commonSettings,
  /** Token buckets by operation; `*` is one bucket for all of them. @default none */
  rateLimits: z.record(z.string(), rateLimit).default({}),
  /** What there is of an ID that was not seeded: everything, or nothing. @default exist */
  unknownIds: z.enum(['exist', 'absent']).default('exist'),
  /** Items in each list of a user for whom none are given. */
  itemsPerUser: z.number().int().min(0).max(10_000).default(3),
  /** Items on a page, where the list has pages. */
  pageSize: z.number().int().min(1).default(2),
  /** How often a request is read before it is done, or waits to be confirmed. */
  polls: z.number().int().min(0).default(1),
  /** How long something that was removed is still shown: for `ms` milliseconds or `reads` reads, whichever is longer. */
  readLag: z
    .strictObject({ ms: z.number().min(0).default(0), reads: z.number().int().min(0).default(0) })
    .default({ ms: 0, reads: 0 }),
});

export type ProviderSeed = z.output<typeof providerSeedSchema>;
export type ProviderSeedInput = z.input<typeof providerSeedSchema>;
export type ProviderSettings = z.output<typeof providerSettingsSchema>;
export type ProviderSettingsInput = z.input<typeof providerSettingsSchema>;

/** What a simulated API has of one user at one step. */
export interface StepState {
  step: string;
  user: string;
  /** The entry of a step with one call for each. */
  entry?: string;
  gone: boolean;
  /** How often the provider removed it: more than once means that an irreversible call was repeated. */
  removals: number;
  /** List steps only. */
  items?: { left: string[]; removed: string[] };
}

/** A request that was filed. Reading it here does not count. */
export interface RequestState {
  handle: string;
  step: string;
  user: string;
  state: 'pending' | 'waiting' | 'done';
}

/** The response of `GET /__sim/state?detail=counts`. */
export interface ProviderStateFigures {
  provider: string;
  counts: { users: number; gone: number; left: number; touched: number };
  repeatCounts: { irreversible: number; repeatSafe: number; refused: number };
  calls: CallFigures;
}

/** A path of the provider file that the document's response does not have, so that the simulator left it out. */
export interface Unplaced {
  operation: string;
  path: string;
  /** The paths that the document describes. */
  described: readonly string[];
}

/** The response of `GET /__sim/state`. `touched` are users for whom a call that removes or files was processed. */
export interface ProviderState extends ProviderStateFigures {
  gone: string[];
  left: string[];
  touched: string[];
  steps: StepState[];
  requests: RequestState[];
  unplaced: Unplaced[];
  repeats: Repeats;
}
