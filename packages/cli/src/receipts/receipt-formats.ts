import { stringify } from 'csv-stringify/sync';
import { escapedJson, printable } from 'temporal-http-tasks/internal/policy/printable';
import type { MarkedPages, MarkedReceipt } from './mark-receipts';
import { RECEIPT_COLUMNS, wholeLine } from './receipt-columns';

/** Text that comes in pieces. */
export type TextChunks = AsyncIterable<string>;

/** Makes a text of receipts, a piece for each page. */
export type ReceiptFormat = (pages: MarkedPages) => TextChunks;

/** One JSON array, a receipt a line. */
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

/** A JSON object a line. */
export async function* jsonLines(pages: MarkedPages): TextChunks {
  for await (const page of pages)
    yield page.map((receipt) => `${escapedJson(JSON.stringify(wholeLine(receipt)))}\n`).join('');
}

/** CSV with a header. A text that a spreadsheet would take for a formula gets an apostrophe in front; control characters become U+FFFD. */
export async function* csv(pages: MarkedPages): TextChunks {
  let header = true;
  for await (const page of pages) {
    const rows = page.map((receipt) => RECEIPT_COLUMNS.map(([field]) => cellOf(receipt[field])));
    yield stringify(rows, { header, columns: RECEIPT_COLUMNS.map(([, name]) => name), escape_formulas: true });
    header = false;
  }
}

/** Several values of one cell are told apart as in user files. */
function cellOf(value: MarkedReceipt[keyof MarkedReceipt]): string | number | undefined {
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return value;
  return value === undefined ? value : printable(typeof value === 'object' ? value.join(';') : value);
}
