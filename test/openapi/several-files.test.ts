import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenApiError } from '@temporal-http-tasks/openapi/internal/document/openapi-error';
import { readOpenApiDocument } from '@temporal-http-tasks/openapi/internal/document/read-document';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { documentWith, jsonBody, operation } from './documents';

async function rejectionOf(reading: Promise<unknown>): Promise<OpenApiError> {
  const error: unknown = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof OpenApiError) return error;
  throw new Error('it was not refused', { cause: error });
}

describe('A document in several files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'http-tasks-openapi-')));
    await mkdir(join(folder, 'api', 'schemas'), { recursive: true });
    await writeFile(join(folder, 'secret.yml'), 'Secret: {type: string}');
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Writes the first file, whose operation has this body, and reads the whole. */
  async function reading(reference: string, options: { allowHosts?: string[] } = {}): Promise<unknown> {
    const file = join(folder, 'api', 'openapi.json');
    const paths = {
      '/things': { post: operation({ operationId: 'create', requestBody: jsonBody({ $ref: reference }) }) },
    };
    await writeFile(
      file,
      JSON.stringify(documentWith(paths, { components: { schemas: { Name: { type: 'string', maxLength: 3 } } } })),
    );
    const document = await readOpenApiDocument(file, options);
    const { tasks, report } = tasksFromOpenApi(document);
    const [skipped] = report.skipped;
    // Thrown as the import reports it, so that its place can be read.
    if (skipped) throw new OpenApiError(/ at (#\S+): /.exec(skipped.why)?.[1] ?? '', skipped.why);
    return tasks[0]!;
  }

  it('is followed below its own folder, there and back', async () => {
    await writeFile(
      join(folder, 'api', 'schemas', 'pet.yml'),
      'Pet:\n  type: object\n  properties:\n    name: {$ref: "../openapi.json#/components/schemas/Name"}\n    friends: {type: array, items: {$ref: "#/Pet"}}\n    tree: {$ref: "tree.json"}',
    );
    await writeFile(
      join(folder, 'api', 'schemas', 'tree.json'),
      '{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#"}}}}',
    );
    const task = (await reading('./schemas/pet.yml#/Pet')) as {
      input: { safeParse(input: unknown): { success: boolean } };
    };
    expect(
      task.input.safeParse({ name: 'abc', friends: [{ name: 'x' }], tree: { kids: [{ kids: [] }] } }).success,
    ).toBe(true);
    expect(task.input.safeParse({ friends: [{ name: 'abcd' }] }).success).toBe(false);
    expect(task.input.safeParse({ tree: { kids: [{ cubs: [] }] } }).success).toBe(false);
  });

  it.each([
    '../secret.yml#/Secret',
    '/etc/passwd',
    'file:///etc/passwd',
    './link.yml#/Secret',
    '%2e%2e/secret.yml#/Secret',
  ])('is not followed out of it: %s', async (reference) => {
    await symlink(join(folder, 'secret.yml'), join(folder, 'api', 'link.yml')).catch(() => undefined);
    const { message, place } = await rejectionOf(reading(reference));
    expect(message).toMatch(/outside the document's folder/);
    expect(place).toBe('#/paths/~1things/post/requestBody/content/application~1json/schema');
  });

  it.each([
    'https://example.com/pet.yml',
    'http://169.254.169.254/latest',
    '//example.com/pet.yml#/Pet',
    'ftp://example.com/x',
    'data:application/json,{}',
    'a%2fb.yml',
  ])('is not followed to %s, and no server is asked', async (reference) => {
    const { message, place } = await rejectionOf(reading(reference));
    expect(message).toMatch(
      /not among the allowed hosts|outside the document's folder|cannot be read|scheme|is not a file/,
    );
    expect(place).toContain('#/paths/~1things/post');
  });

  it('names the file that is missing or broken', async () => {
    expect((await rejectionOf(reading('./none.yml'))).message).toMatch(/cannot be read \(ENOENT\)/);
    await writeFile(join(folder, 'api', 'broken.yml'), 'a: [');
    expect((await rejectionOf(reading('./broken.yml#/a'))).message).toMatch(/broken\.yml.*not YAML/);
    expect((await rejectionOf(readOpenApiDocument(join(folder, 'nothing.yml')))).message).toMatch(/ENOENT/);
  });

  it('is not followed from a value in memory, where there is no folder', () => {
    const paths = { '/a': { post: operation({ requestBody: jsonBody({ $ref: 'pet.yml' }) }) } };
    expect(tasksFromOpenApi(documentWith(paths)).report).toMatchObject({
      imported: 0,
      skipped: [{ why: expect.stringMatching(/readOpenApiDocument/) as string }],
    });
  });

  it('may hold an example with a $ref of its own', () => {
    const example = { $ref: 'https://example.com/x' };
    const schema = { type: 'object', example, properties: { example: { type: 'string' } } };
    const { report } = tasksFromOpenApi(documentWith({ '/a': { post: operation({ requestBody: jsonBody(schema) }) } }));
    expect(report.imported).toBe(1);
  });

  describe('on a server', () => {
    let server: Server;
    let host: string;
    const asked: string[] = [];
    beforeAll(async () => {
      server = createServer((request, response) => {
        asked.push(request.url ?? '');
        if (request.url === '/moved.yml') response.writeHead(302, { location: '/pet.yml' }).end();
        else if (request.url === '/endless.yml') {
          response.writeHead(200);
          response.on('error', () => undefined);
          const write = (): void =>
            void (response.destroyed || response.write('x'.repeat(65_536), () => setImmediate(write)));
          write();
        } else if (request.url === '/openapi.json')
          response.end(
            JSON.stringify(
              documentWith({
                '/a': { post: operation({ operationId: 'a', requestBody: jsonBody({ $ref: 'pet.yml#/Pet' }) }) },
              }),
            ),
          );
        else if (request.url === '/local.json')
          response.end(
            JSON.stringify(
              documentWith({ '/a': { post: operation({ requestBody: jsonBody({ $ref: 'file:///etc/passwd' }) }) } }),
            ),
          );
        else response.end('Pet: {type: object, properties: {name: {type: string}}}');
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterAll(() => {
      (server as ReturnType<typeof createServer>).closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });

    it('is followed when its host is allowed, and only then', async () => {
      await rejectionOf(reading(`http://${host}/pet.yml#/Pet`));
      await rejectionOf(reading(`http://${host}/pet.yml#/Pet`, { allowHosts: ['example.com'] }));
      expect(asked).toEqual([]);
      await reading(`http://${host}/pet.yml#/Pet`, { allowHosts: [host] });
      expect(asked).toEqual(['/pet.yml']);
    });

    it('is read from there, with what is next to it, but no local file', async () => {
      const document = await readOpenApiDocument(`http://${host}/openapi.json`);
      expect(tasksFromOpenApi(document).report).toMatchObject({ imported: 1, skipped: [] });
      const { report } = tasksFromOpenApi(await readOpenApiDocument(`http://${host}/local.json`));
      expect(report).toMatchObject({
        imported: 0,
        skipped: [{ why: expect.stringMatching(/no remote document may/) as string }],
      });
    });

    it('is not read over http from another machine, by a redirect, or without end', async () => {
      expect((await rejectionOf(readOpenApiDocument('http://example.com/openapi.json'))).message).toMatch(/use https/);
      expect((await rejectionOf(readOpenApiDocument(`http://${host}/moved.yml`))).message).toMatch(
        /responded with 302/,
      );
      expect(
        (await rejectionOf(readOpenApiDocument(`http://${host}/endless.yml`, { maxBytes: 1024 * 1024 }))).message,
      ).toMatch(/more than 1 MB/);
    });
  });
});
