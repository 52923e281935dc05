/** Bech32 (BIP 173), the text form of age's keys: a word, `1`, data in groups of five bits, and a checksum. */

const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const checksumLength = 6;

/** @param word the human-readable part, in lower case: `age` */
export function encodeBech32(word: string, bytes: Uint8Array): string {
  const groups = inFives(bytes);
  const padding = new Array<number>(checksumLength).fill(0);
  const sum = polymod([...expanded(word), ...groups, ...padding]) ^ 1;
  const checksum = padding.map((_, index) => (sum >>> (5 * (checksumLength - 1 - index))) & 31);
  return `${word}1${[...groups, ...checksum].map((group) => alphabet[group]).join('')}`;
}

/**
 * What a text in Bech32 holds; undefined when it is none, in mixed case, or its checksum is wrong. Of any length, as age
 * has it.
 *
 * @example decodeBech32('age1…') // { word: 'age', bytes: <32 bytes> }
 */
export function decodeBech32(text: string): { word: string; bytes: Buffer } | undefined {
  const lower = text.toLowerCase();
  if (text !== lower && text !== text.toUpperCase()) return undefined;
  const end = lower.lastIndexOf('1');
  const word = lower.slice(0, end);
  const groups = [...lower.slice(end + 1)].map((character) => alphabet.indexOf(character));
  if (end < 1 || groups.length < checksumLength || groups.includes(-1) || !/^[!-~]+$/.test(word))
    return undefined;
  if (polymod([...expanded(word), ...groups]) !== 1) return undefined;
  const bytes = inEights(groups.slice(0, -checksumLength));
  return bytes && { word, bytes };
}

/** Five bits a group become eight a byte; undefined when what fills the last group up is not zeros, or too much. */
function inEights(groups: number[]): Buffer | undefined {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const group of groups) {
    held = (held << 5) | group;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >>> bits) & 255);
    held &= (1 << bits) - 1;
  }
  return bits < 5 && held === 0 ? Buffer.from(bytes) : undefined;
}

/** Eight bits a byte become five a group; the last one is filled up with zeros. */
function inFives(bytes: Uint8Array): number[] {
  const groups: number[] = [];
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) groups.push((held >>> (bits - 5)) & 31);
    held &= (1 << bits) - 1;
  }
  if (bits > 0) groups.push((held << (5 - bits)) & 31);
  return groups;
}

function expanded(word: string): number[] {
  const codes = [...word].map((letter) => letter.charCodeAt(0));
  return [...codes.map((code) => code >>> 5), 0, ...codes.map((code) => code & 31)];
}

function polymod(groups: number[]): number {
  let sum = 1;
  for (const group of groups) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ group;
    for (const [index, generator] of generators.entries()) if ((top >>> index) & 1) sum ^= generator;
  }
  return sum;
}
