import { freshId, openPlace } from '../../support/offboarding';
import type { Place } from '../../support/offboarding';
import { failureOfRun } from '../../support/offboarding-runs';
import { json, Provider } from '../../unit/http/provider';

const PAGES = [[1, 2], [3, 4], [5]];

let place: Place;
let api: Provider;
let asked: number;

beforeAll(async () => {
  api = await Provider.start((response, { url }) => {
    const { pathname, searchParams } = new URL(url, 'http://api');
    if (pathname === '/job') {
      asked += 1;
      return json(response, 200, { state: asked < 3 ? 'working' : 'done', asked });
    }
    const page =
      pathname === '/offset' ? Number(searchParams.get('start') ?? 0) / 2 : Number(searchParams.get('page') ?? 0);
    const isLast = page + 1 >= PAGES.length;
    const numbers = PAGES[Math.ceil(page)] ?? [];
    json(
      response,
      200,
      { numbers, next: isLast ? null : page + 1 },
      isLast ? {} : { link: `<?page=${page + 1}>; rel="next"` },
    );
  });
  place = await openPlace({ env: { HTTP_TASKS_HTTP_ALLOW: api.origin } });
  await place.startWorker({ worker: { workflowsPath: require.resolve('./page-workflows') } });
});

beforeEach(() => {
  asked = 0;
  api.received.length = 0;
});

afterAll(async () => {
  await place.close();
  await api.close();
});

const run = <T>(workflow: string, ...args: unknown[]): Promise<T> =>
  place.client.workflow.execute(workflow, {
    taskQueue: place.taskQueue,
    workflowId: freshId(workflow),
    args,
  }) as Promise<T>;

describe('httpPages', () => {
  it.each([
    ['cursor', { by: 'cursor', path: 'next', query: 'page' }, 3],
    ['link', { by: 'link' }, 3],
    ['offset', { by: 'offset', path: 'numbers', query: 'start' }, 4],
  ])('reads every page by %s once', async (path, paging, calls) => {
    expect(await run('readNumbers', `${api.origin}/${path}`, paging, 10)).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(api.received.map(({ url }) => url)).size).toBe(calls);
    expect(api.received).toHaveLength(calls);
  });

  it('fails beyond its pages or its size, and asks no further', async () => {
    const paging = { by: 'link' };
    const pages = await failureOfRun(run('readNumbers', `${api.origin}/link`, paging, 2));
    expect(pages).toMatchObject({
      type: 'HttpPages.Stopped',
      retryable: false,
      message: expect.stringContaining('more than 2 pages'),
    });
    expect(api.received).toHaveLength(2);
    const size = await failureOfRun(run('readNumbers', `${api.origin}/link`, paging, 10, 30));
    expect(size).toMatchObject({ type: 'HttpPages.Stopped', message: expect.stringContaining('larger than 30') });
    expect(api.received).toHaveLength(4);
  });
});

describe('pollHttpTask', () => {
  it('asks until the response is the expected one', async () => {
    expect(await run('awaitJob', `${api.origin}/job`, 10)).toEqual({ state: 'done', asked: 3 });
    expect(api.received).toHaveLength(3);
  });

  it('fails after its last call', async () => {
    const failure = await failureOfRun(run('awaitJob', `${api.origin}/job`, 2));
    expect(failure).toMatchObject({ type: 'HttpPoll.NotYet', retryable: false });
    expect(api.received).toHaveLength(2);
  });

  it('refuses a call that does more than read', async () => {
    const failure = await failureOfRun(run('awaitJob', `${api.origin}/job`, 2, 'POST'));
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', retryable: false });
    expect(api.received).toHaveLength(0);
  });
});
