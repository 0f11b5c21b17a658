/** Number of bytes that {@link foreignKind} needs. */
export const KIND_BYTES = 1024;

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** File kinds by their first bytes. */
const MAGIC: readonly (readonly [bytes: Buffer, kind: string])[] = [
  [latin1('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'), 'an old Office file, for example an Excel workbook (.xls)'],
  [latin1('%PDF'), 'a PDF file'],
  [latin1('{\\rtf'), 'an RTF file'],
  [latin1('\x28\xb5\x2f\xfd'), 'packed with zstd'],
  [latin1('\xfd7zXZ\x00'), 'packed with xz'],
  [latin1('\x04\x22\x4d\x18'), 'packed with lz4'],
  [latin1('7z\xbc\xaf\x27\x1c'), 'a 7z archive'],
  [latin1('Rar!\x1a\x07'), 'a RAR archive'],
  [latin1('\x1f\x9d'), 'packed with compress (.Z)'],
  [latin1('PAR1'), 'a Parquet file'],
  [latin1('Obj\x01'), 'an Avro file'],
  [latin1('SQLite format 3\x00'), 'an SQLite database'],
  [latin1('-----BEGIN PGP'), 'encrypted with PGP'],
];

/**
 * Returns what kind of file it is, as a phrase after "is", if it cannot be CSV or JSON Lines; otherwise undefined.
 *
 * @param start Its first {@link KIND_BYTES} bytes, or all of them.
 */
export function foreignKind(start: Buffer): string | undefined {
  const found = MAGIC.find(([bytes]) => start.subarray(0, bytes.length).equals(bytes));
  if (found) return found[1];
  const text = start.toString('latin1');
  if (/^PK(?:\x03\x04|\x05\x06|\x07\x08)/.test(text)) return zipKind(text);
  if (/^BZh[1-9]1AY&SY/.test(text)) return 'packed with bzip2';
  if (text.slice(257, 262) === 'ustar') return 'a tar archive';
  if (/^\s*<(?:!doctype\s+html|html|head|body|table|!--)/i.test(text))
    return 'an HTML page and not a user file; was a login or an error page saved instead of the file?';
  if (/^\s*<(?:\?xml|[a-z])/i.test(text)) return 'XML';
  return undefined;
}

function zipKind(text: string): string {
  if (/\[Content_Types\]\.xml|xl\/|_rels\//.test(text)) return 'an Office file, for example an Excel workbook (.xlsx)';
  if (/mimetypeapplication\/vnd\.oasis\.opendocument/.test(text)) return 'an OpenDocument file';
  return 'a zip archive';
}

/** Returns the encoding that zero bytes indicate in a text without a byte order mark, or undefined. */
export function wideEncoding(start: Buffer): 'UTF-16LE' | 'UTF-16BE' | 'UTF-32' | undefined {
  if (start.length < 4) return undefined;
  const zeros = [0, 1, 2, 3].map((at) => start[at] === 0);
  if (zeros.filter(Boolean).length === 3) return 'UTF-32';
  if (!zeros[0] && zeros[1] && !zeros[2] && zeros[3]) return 'UTF-16LE';
  if (zeros[0] && !zeros[1] && zeros[2] && !zeros[3]) return 'UTF-16BE';
  return undefined;
}
