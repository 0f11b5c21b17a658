import { stringify } from 'csv-stringify/sync';
import { escapedJson, printable } from 'temporal-http-tasks/internal/policy/printable';
import type { MarkedPages, MarkedReceipt } from './mark-receipts';
import { RECEIPT_COLUMNS, wholeLine } from './receipt-columns';

/** Text that comes in pieces. */
export type TextChunks = AsyncIterable<string>;

/** Formats receipts as text, one piece for each page. */
export type ReceiptFormat = (pages: MarkedPages) => TextChunks;

/** One JSON array, one receipt per line. */
export function jsonArray(line: (receipt: MarkedReceipt) => object): ReceiptFormat {
  return async function* (pages) {
    let before = '[';
    for await (const page of pages) {
      yield page
        .map((receipt, index) => `${index === 0 ? before : ','}\n  ${escapedJson(JSON.stringify(line(receipt)))}`)
        .join('');
      if (page.length > 0) before = ',';
    }
    yield before === '[' ? '[]\n' : '\n]\n';
  };
}

/** One JSON object per line. */
export async function* jsonLines(pages: MarkedPages): TextChunks {
  for await (const page of pages)
    yield page.map((receipt) => `${escapedJson(JSON.stringify(wholeLine(receipt)))}\n`).join('');
}

/**
 * CSV with a header. A text that a spreadsheet would take for a formula is prefixed with an apostrophe; control
 * characters become U+FFFD.
 */
export async function* csv(pages: MarkedPages): TextChunks {
  let header = true;
  for await (const page of pages) {
    const rows = page.map((receipt) => RECEIPT_COLUMNS.map(([field]) => cellOf(receipt[field])));
    yield stringify(rows, { header, columns: RECEIPT_COLUMNS.map(([, name]) => name), escape_formulas: true });
    header = false;
  }
}

/** Joins several values of one cell in the way that user files separate them. */
function cellOf(value: MarkedReceipt[keyof MarkedReceipt]): string | number | undefined {
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return value;
  return value === undefined ? value : printable(typeof value === 'object' ? value.join(';') : value);
}
