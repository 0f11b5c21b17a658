import { bodyLimit } from 'hono/body-limit';
import { Hono } from 'hono';
import type { MiddlewareHandler } from 'hono';
import { guardToken } from '../guard';
import type { GuardOptions } from '../guard';
import { GatewayRefusal } from '../http-error';
import type { GatewayParts } from '../parts';
import { previewSweep, startSweep, sweepForm } from '../start-sweep';
import { MOST_UPLOAD_BYTES } from '../uploads';
import type { SweepRequest, UploadedFile } from '../wire-operations';
import { confirmationOf, jsonBody } from './json-body';

/** Fields of a request for a sweep. */
const SWEEP: readonly string[] = [
  'upload',
  'source',
  'plan',
  'ignoreColumns',
  'allowPlaceholders',
  'account',
  'dryRun',
] satisfies (keyof SweepRequest)[];

const UPLOAD = '/api/uploads';

/** Routes that show what a sweep would do, and start one. */
export function sweepRoutes(parts: GatewayParts): Hono {
  return new Hono()
    .get('/sweeps/form', async (context) => context.json(await sweepForm(parts)))
    .post('/sweeps/preview', async (context) => context.json(await previewSweep(parts, await jsonBody(context, SWEEP))))
    .post('/sweeps', async (context) => {
      const { confirm, ...body } = await jsonBody(context, [...SWEEP, 'confirm']);
      return context.json(await startSweep(parts, body, confirmationOf(confirm)), 201);
    });
}

const limitUpload = bodyLimit({
  maxSize: MOST_UPLOAD_BYTES,
  onError: () => {
    throw new GatewayRefusal(
      413,
      'TooLarge',
      `A file may have ${MOST_UPLOAD_BYTES / 1_048_576} MB here; start a larger sweep with http-tasks sweep --source FILE.`,
    );
  },
});

/** As for JSON: a form of another site cannot send this type. */
const onlyBytes: MiddlewareHandler = async (context, next) => {
  if (context.req.header('content-type') !== 'application/octet-stream')
    throw new GatewayRefusal(415, 'ContentType', 'Send the file with content-type: application/octet-stream.');
  await next();
};

/** The route that takes a file of users. It is the only one whose body is not JSON. */
export function uploadRoutes(parts: GatewayParts, options: GuardOptions): Hono {
  return new Hono().use(UPLOAD, guardToken(options), onlyBytes, limitUpload).post(UPLOAD, async (context) => {
    const bytes = await context.req.arrayBuffer().catch((error: unknown) => {
      throw error instanceof GatewayRefusal ? error : new GatewayRefusal(400, 'Body', 'The body broke off.');
    });
    const { id, name, digest } = parts.uploads.add(context.req.query('name') ?? '', new Uint8Array(bytes));
    return context.json({ upload: id, name, bytes: bytes.byteLength, digest } satisfies UploadedFile, 201);
  });
}
