/** Fewer characters than this occur in other words too, so that a fragment that short proves nothing. */
const MIN_FRAGMENT_CHARACTERS = 6;

/**
 * The ways in which somebody may echo a secret: as it is, percent-encoded (upper and lower case hex, and with `+`),
 * escaped for JSON once or twice, and in base64 at each of the three offsets that it can have inside a longer text.
 */
export function formsOfSecret(secret: string): string[] {
  const percent = encodeURIComponent(Buffer.from(secret, 'utf8').toString('utf8'));
  const json = JSON.stringify(secret).slice(1, -1);
  const forms = [
    secret,
    percent,
    percent.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
    percent.replaceAll('%20', '+'),
    json,
    JSON.stringify(json).slice(1, -1),
    json.replaceAll('/', '\\/'),
    ...base64Forms(secret),
  ];
  return [...new Set(forms)].sort((a, b) => b.length - a.length);
}

/** Only the characters that depend on nothing but the secret; those at the seams depend on its neighbours too. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  const forms: string[] = [];
  for (const offset of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor(((offset + bytes.length) * 8) / 6);
    const fragment = encoded.slice(first, last);
    if (fragment.length < MIN_FRAGMENT_CHARACTERS) continue;
    forms.push(fragment, fragment.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return forms;
}
