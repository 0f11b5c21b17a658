import { nextPage } from 'temporal-http-tasks/internal/policy/next-page';
import type { Paging } from 'temporal-http-tasks/internal/policy/next-page';

const URI = 'https://desk.example/tickets';

describe('the page after one', () => {
  const cursor: Paging = { by: 'cursor', path: 'meta.next', query: 'after' };
  const offset: Paging = { by: 'offset', path: 'tickets', query: 'start' };
  const response = (body: unknown, link = ''): { headers: Record<string, string>; body: unknown } => ({
    headers: { link },
    body,
  });
  const request = { uri: URI, query: { size: 2 }, headers: { 'x-plain': 'kept' } };

  it('by cursor is asked for with the cursor, and every other field kept', () => {
    expect(nextPage(cursor, request, response({ meta: { next: 'c2' } }))).toEqual({
      ...request,
      query: { size: 2, after: 'c2' },
    });
    expect(nextPage(cursor, request, response({ meta: { next: 7 } }))).toEqual({
      ...request,
      query: { size: 2, after: 7 },
    });
  });

  it.each([{ meta: { next: null } }, { meta: { next: '' } }, { meta: {} }, {}, null, 'text', []])(
    'by cursor is none after %j',
    (body) => {
      expect(nextPage(cursor, request, response(body))).toBeUndefined();
    },
  );

  it('by cursor never leads in a circle', () => {
    expect(nextPage(cursor, { uri: URI, query: { after: 'c2' } }, response({ meta: { next: 'c2' } }))).toMatch(
      /that of this one/,
    );
    expect(nextPage(cursor, request, response({ meta: { next: {} } }))).toMatch(/neither/);
  });

  it.each([
    ['<https://desk.example/tickets?page=2>; rel="next"', 'https://desk.example/tickets?page=2'],
    ['<?page=1>; rel="prev", <?page=3>; title="a, b; c"; rel="last next"', 'https://desk.example/tickets?page=3'],
    ['</other?p=2>;REL=Next', 'https://desk.example/other?p=2'],
  ])('by the link %s is there, without the query that the link has already', (link, uri) => {
    expect(nextPage({ by: 'link' }, request, response(null, link))).toEqual({ uri, headers: request.headers });
  });

  it.each(['', '<?page=1>; rel="prev"', 'nonsense', '<?page=2>'])('by the link %j is none', (link) => {
    expect(nextPage({ by: 'link' }, request, response(null, link))).toBeUndefined();
  });

  it('by link never leads to another origin or to itself', () => {
    expect(nextPage({ by: 'link' }, request, response(null, '<https://evil.example/>; rel=next'))).toMatch(
      /another origin/,
    );
    expect(nextPage({ by: 'link' }, request, response(null, '<http://desk.example/>; rel=next'))).toMatch(
      /another origin/,
    );
    expect(nextPage({ by: 'link' }, { uri: URI }, response(null, `<${URI}>; rel=next`))).toMatch(/this one/);
  });

  it('by offset begins after the entries so far, and is none after an empty page', () => {
    expect(nextPage(offset, request, response({ tickets: [1, 2] }))).toEqual({
      ...request,
      query: { size: 2, start: 2 },
    });
    expect(nextPage(offset, { uri: URI, query: { start: 2 } }, response({ tickets: [3] }))).toEqual({
      uri: URI,
      query: { start: 3 },
    });
    expect(nextPage(offset, request, response({ tickets: [] }))).toBeUndefined();
    expect(nextPage(offset, request, response({}))).toMatch(/no list/);
    expect(nextPage(offset, { uri: URI, query: { start: 'x' } }, response({ tickets: [1] }))).toMatch(/whole number/);
  });
});
