import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import type { OutputFile } from '../terminal/output-file';

/** The options of `http-tasks receipts`. */
export interface ReceiptsOptions extends CommonOptions {
  attempts?: boolean;
  csv?: boolean;
  jsonl?: boolean;
  html?: boolean;
  out?: string;
  force?: boolean;
  bundle?: string;
}

/** The requested format of the receipts and their destination. */
export interface Wanted {
  format: 'table' | 'json' | 'csv' | 'jsonl' | 'html';
  attempts: boolean;
  /** stdout when absent. */
  file?: OutputFile;
  /** `--json` together with a file: what was written is reported as a document. */
  json: boolean;
}

/** @throws Refusal for options that cannot be combined. */
export function wantedFrom(options: ReceiptsOptions): Wanted {
  const { attempts = false, json = false, out, force = false } = options;
  const formats = (['csv', 'jsonl', 'html'] as const).filter((format) => options[format] === true);
  const [format, second] = formats;
  if (second !== undefined) refuse(second, `--${format} and --${second} are two formats; choose one.`);
  if (out === undefined && force) refuse('force', '--force replaces the file that --out names; name one.');
  if (format === undefined) {
    if (out !== undefined) refuse('out', '--out needs a format: --csv, --jsonl or --html.');
    return { format: json ? 'json' : 'table', attempts, json };
  }
  if (json && out === undefined)
    refuse(format, `--json and --${format} cannot both print on stdout; name a file with --out.`);
  if (format === 'html' && attempts)
    refuse('attempts', '--attempts is for lists of receipts; --html shows the final outcomes of a sweep.');
  if (out === '') refuse('out', '--out must name a file.');
  return { format, attempts, json, ...(out !== undefined && { file: { path: out, force } }) };
}

/** @throws Refusal for options that are for other formats than a bundle. */
export function refuseWithBundle(options: ReceiptsOptions): void {
  const other = (['attempts', 'csv', 'jsonl', 'html', 'out', 'force'] as const).find(
    (option) => options[option] !== undefined,
  );
  if (other !== undefined)
    refuse(
      other,
      `Give --${other} or --bundle, not both: a bundle contains every receipt, and is written to the file that it names.`,
    );
}

function refuse(field: string, message: string): never {
  throw new Refusal('Usage', message, field);
}
