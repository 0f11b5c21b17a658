import { z } from 'zod';
import { defineHttpTask } from '../../tasks/define';
import { customUserId } from '../../policy/input-fields';
import { batchService, fitsInRoute, MAX_BULK_IDS } from './service';

const CUSTOM_DATA_DOCS = 'https://doc.batch.com/developer/api/mep/custom-data-api';
const GDPR_DOCS = 'https://doc.batch.com/api/gdpr';

/** Which of the configured app keys is used, for example `ios`. May be left out where there is only one. */
const app = z
  .string()
  .min(1)
  .optional()
  .describe('The name of an app key in BATCH_API_KEYS; may be left out where there is only one.');

/** 200 and a token mean that Batch accepted the deletion, not that it is done; no call shows when it is. */
const acceptedResponse = z.looseObject({ token: z.string() });

const CUSTOM_DATA_REMEDY =
  'Deleted custom data cannot be restored; send it to Batch again if the deletion was a mistake. Quote the token to the support of Batch. Installations and push tokens stay.';

/** Deletes the custom data of one user under one app key; this cannot be undone, and is done later. */
export const customDataDelete = defineHttpTask({
  service: batchService,
  operation: 'customDataDelete',
  summary: "Delete one user's custom data",
  description:
    'Asks Batch to delete the custom data of one user in one app. 200 and a token mean accepted; the deletion follows. Repeat it for each app key. Installations and push tokens stay.',
  docs: CUSTOM_DATA_DOCS,
  tags: ['batch', 'custom data', 'removal'],
  method: 'DELETE',
  path: '/1.0/{api_key}/data/users/{id}',
  places: { id: 'path', app: 'slot' },
  get input() {
    return z.strictObject({
      id: customUserId.refine(fitsInRoute, 'cannot be part of a URL; use batch.customDataBulkDelete with this one ID'),
      app,
    });
  },
  output: acceptedResponse,
  effect: 'repeatSafe',
  settle: { by: 'repeat', basis: 'assumed' },
  remedy: CUSTOM_DATA_REMEDY,
  subjectFields: ['id'],
});

/** Deletes the custom data of up to 10,000 users under one app key in one call; this cannot be undone, and is done later. */
export const customDataBulkDelete = defineHttpTask({
  service: batchService,
  operation: 'customDataBulkDelete',
  summary: 'Delete the custom data of many users',
  description:
    'Asks Batch to delete the custom data of up to 10,000 users in one app. The body is a bare JSON array, sent with DELETE. One malformed ID refuses the whole call.',
  docs: CUSTOM_DATA_DOCS,
  tags: ['batch', 'custom data', 'removal', 'bulk'],
  method: 'DELETE',
  path: '/1.0/{api_key}/data/users',
  places: { ids: 'wholeBody', app: 'slot' },
  get input() {
    return z.strictObject({
      ids: z
        .array(customUserId)
        .min(1, 'must have at least one ID')
        .max(MAX_BULK_IDS, `must have at most ${MAX_BULK_IDS} IDs`),
      app,
    });
  },
  output: acceptedResponse,
  effect: 'repeatSafe',
  settle: { by: 'repeat', basis: 'assumed' },
  remedy: CUSTOM_DATA_REMEDY,
  subjectFields: ['ids'],
});

/**
 * Files a GDPR removal request for one user; irreversible, and processed later. Afterwards Batch blocks the ID for a
 * month (Batch's Privacy Center).
 */
export const gdprRequestCreate = defineHttpTask({
  service: batchService,
  operation: 'gdprRequestCreate',
  summary: 'File a GDPR request for one user',
  description:
    'Asks Batch to remove everything about one user. The token that it returns is the ID of the request: follow it with batch.gdprRequestGet. Batch blocks the ID for one month and drops what is written for it meanwhile.',
  docs: GDPR_DOCS,
  tags: ['batch', 'gdpr', 'removal'],
  method: 'POST',
  path: '/1.0/{api_key}/gdpr/request',
  places: { app: 'slot' },
  get input() {
    return z.strictObject({
      request_type: z.literal('remove'),
      id: z.strictObject({
        type: z.string().min(1, 'must not be empty').describe('The kind of ID, for example custom_id.'),
        value: customUserId,
      }),
      callback_url: z.url().optional(),
      app,
    });
  },
  output: acceptedResponse,
  effect: 'repeatSafe',
  deletes: true,
  settle: { by: 'repeat', basis: 'assumed' },
  remedy: 'A GDPR removal cannot be undone; the ID is blocked for one month.',
  subjectFields: ['id.value'],
});

/** Reads the state of a GDPR request. Changes nothing. `done` may come with an `error`, for example "user not found". */
export const gdprRequestGet = defineHttpTask({
  service: batchService,
  operation: 'gdprRequestGet',
  summary: 'Look up a GDPR request',
  description: 'Returns pending or done; a done request may carry an error. Batch keeps it for 20 to 30 days.',
  docs: GDPR_DOCS,
  tags: ['batch', 'gdpr'],
  method: 'GET',
  path: '/1.0/{api_key}/gdpr/request/{id}',
  places: { id: 'path', app: 'slot' },
  get input() {
    return z.strictObject({
      id: z.string().min(1, 'must not be empty').refine(fitsInRoute, 'cannot be part of a URL'),
      app,
    });
  },
  get output() {
    return z.looseObject({ status: z.string(), error: z.string().nullish() });
  },
  effect: 'read',
});

/**
 * Lists the GDPR requests of an app that have not expired. Changes nothing. The response is one list without pages, so it
 * is large where many requests were filed in the last weeks.
 */
export const gdprRequestsList = defineHttpTask({
  service: batchService,
  operation: 'gdprRequestsList',
  summary: 'List the GDPR requests of an app',
  description: 'Returns all GDPR requests that have not expired, with status, ID and request type.',
  docs: `${GDPR_DOCS}/get-all-requests`,
  tags: ['batch', 'gdpr'],
  method: 'GET',
  path: '/1.0/{api_key}/gdpr/requests',
  places: { app: 'slot' },
  get input() {
    return z.strictObject({ app });
  },
  get output() {
    return z.array(
      z.looseObject({
        request_id: z.string(),
        request_type: z.string(),
        status: z.string(),
        id: z.looseObject({ type: z.string(), value: z.string() }),
      }),
    );
  },
  effect: 'read',
  maxResponseBytes: 1_536 * 1_024,
});
