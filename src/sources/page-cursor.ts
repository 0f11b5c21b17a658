import { createHash } from 'node:crypto';
import type { PagesSpec } from '../policy/source-spec';
import { SourceError } from './source';
import { valueAt, withValueAt } from './value-at';

/** The value with which an API's next page is requested. */
export type Cursor = string | number;

/** Follows the cursors of a paginated list. */
export class Cursors {
  readonly #spec: PagesSpec;
  readonly #seen = new Set<string>();

  constructor(spec: PagesSpec) {
    this.#spec = spec;
  }

  /** Returns the task's input for the page at a cursor, or for the first page. */
  inputFor(cursor: Cursor | undefined): Record<string, unknown> {
    const { input = {}, cursorField } = this.#spec;
    if (cursor === undefined || cursorField === undefined) return input;
    if (this.#spec.task !== 'http.request' || !/^uri(\?.+)?$/.test(cursorField))
      return withValueAt(input, cursorField, cursor);
    return { ...input, uri: nextUri(input['uri'], cursorField.slice('uri?'.length), cursor) };
  }

  /**
   * Returns the cursor of the next page, or undefined after the last page.
   *
   * @throws SourceError when the response lacks a required cursor, or repeats one.
   */
  after(page: unknown): Cursor | undefined {
    const { nextCursorPath, endsWithoutCursor = false } = this.#spec;
    if (nextCursorPath === undefined) return undefined;
    const cursor = valueAt(page, nextCursorPath);
    if (cursor === null || cursor === '' || (cursor === undefined && endsWithoutCursor)) return undefined;
    if (cursor === undefined) {
      throw new SourceError(
        'pages.nextCursorPath',
        'a page has no value there, so it is unknown whether it is the last one. Correct the path, or set endsWithoutCursor if this API omits the cursor on its last page.',
      );
    }
    if (typeof cursor !== 'string' && typeof cursor !== 'number') {
      throw new SourceError('pages.nextCursorPath', 'a page has a value there that is neither a string nor a number.');
    }
    this.follow(cursor);
    return cursor;
  }

  /** Records a cursor. @throws SourceError for a repeated one, because the pages would never end. */
  follow(cursor: Cursor): void {
    // Stores a hash, because an API's cursors may have any length.
    const mark = createHash('sha256')
      .update(`${typeof cursor} ${cursor}`)
      .digest('base64')
      .slice(0, 16);
    if (this.#seen.has(mark))
      throw new SourceError('pages', 'the API repeated a cursor, so its pages would never end.');
    this.#seen.add(mark);
  }
}

/** Returns the URI of the next page. A cursor is either its whole link or a query parameter. */
function nextUri(uri: unknown, parameter: string, cursor: Cursor): string {
  if (typeof uri !== 'string' || !URL.canParse(uri)) throw new SourceError('pages.input.uri', 'is not a URL.');
  const first = new URL(uri);
  if (parameter !== '') {
    first.searchParams.set(parameter, String(cursor));
    return first.href;
  }
  const next = URL.canParse(String(cursor), uri) ? new URL(String(cursor), uri) : undefined;
  // The input's headers, including secrets, are sent to it.
  if (next?.origin !== first.origin)
    throw new SourceError(
      'pages.nextCursorPath',
      'a page links to another origin, or to an invalid URL; only links of the same origin are followed.',
    );
  return next.href;
}
