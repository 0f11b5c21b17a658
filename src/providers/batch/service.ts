import { defineService } from '../../tasks/service';

/**
 * Batch's API 1.0 (Custom Data and GDPR). One company key in `X-Authorization`, and one app key in the path: an app on
 * iOS, Android and the Web has three, and a user's data has to be deleted under each.
 *
 * All eight documented codes are in the table (doc.batch.com, Custom Data API). Batch has no sandbox.
 */
export const batchService = defineService({
  name: 'batch',
  title: 'Batch',
  docs: 'https://doc.batch.com/api',
  environments: { default: 'https://api.batch.com' },
  defaultEnvironment: 'default',
  baseUrlSetting: 'BATCH_BASE_URL',
  credentials: [
    { setting: 'BATCH_REST_API_KEY', in: 'header', name: 'x-authorization' },
    { setting: 'BATCH_API_KEYS', in: 'path', name: 'api_key', slotField: 'app' },
  ],
  errors: {
    fields: { code: 'code' },
    rules: [
      { code: '1', failure: 'Task.Unavailable', mayHaveProcessed: true },
      { code: '2', failure: 'Task.Unavailable' },
      {
        code: '10',
        failure: 'Task.Unauthorized',
        advice: 'Check BATCH_REST_API_KEY and BATCH_API_KEYS: Batch refuses these keys.',
      },
      {
        code: '12',
        failure: 'Task.Rejected',
        advice: 'Batch calls this misuse of its API; the Custom Data API is part of Premier and Enterprise plans.',
      },
      {
        code: '20',
        failure: 'Task.Rejected',
        advice:
          'Batch has no such route. This does not mean that the user is deleted: check BATCH_BASE_URL and BATCH_API_KEYS.',
      },
      { code: '30', failure: 'Task.Rejected', advice: 'A parameter is missing.' },
      { code: '31', failure: 'Task.Rejected', advice: 'A parameter is malformed: check the ID.' },
      { code: '32', failure: 'Task.Rejected', advice: 'The body is not JSON that Batch accepts.' },
    ],
  },
});

/** Maximum number of IDs in one bulk call (doc.batch.com, Custom Data API). */
export const MAX_BULK_IDS = 10_000;

/**
 * Returns whether an ID can be part of a route. `.` and `..` cannot, however they are encoded: URL parsers resolve them
 * to another route. Such an ID has to be sent in the body of a bulk call.
 */
export function fitsInRoute(id: string): boolean {
  return id !== '.' && id !== '..';
}
