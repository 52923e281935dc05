/**
 * The CRC32 that ends every event, checked for many events with one call. A call into zlib costs as much as hundreds of
 * bytes do, and most events are shorter than that: one by one, checking took most of the time.
 *
 * An event with its right checksum behind it has the same CRC32 whatever is in it, the residue. Of a row of such events
 * the CRC32 therefore follows from their lengths alone: the one so far, moved on by the length, and the residue. One
 * event that is damaged always shows, as moving on loses nothing; that several cancel out is as improbable as that one
 * goes unseen by its own checksum.
 */
import { crc32 } from 'node:zlib';

/** CRC32 of anything with its own CRC32, lowest byte first, behind it. */
export const residue = 0x2144df1c;

/** Reflected, as zlib has it: the highest bit is the coefficient of 1. */
const polynomial = 0xedb88320;
const one = 0x80000000;

/** Up to this length of an event its tables are kept, 4 KiB each. */
const longestKept = 2048;
const kept: (Int32Array | undefined)[] = [];

/** The CRC32 of a row of right events, from the one before the last, and the length of the last, checksum included. */
export function withEvent(crc: number, length: number): number {
  if (length > longestKept) return multiply(crc, power(length)) ^ residue;
  const tables = (kept[length] ??= tablesOf(power(length)));
  return (
    tables[crc & 255]! ^
    tables[256 + ((crc >>> 8) & 255)]! ^
    tables[512 + ((crc >>> 16) & 255)]! ^
    tables[768 + (crc >>> 24)]! ^
    residue
  );
}

/** CRC32 of a part of some bytes. @param crc of what came before */
export function crcOf(bytes: Uint8Array, from: number, to: number, crc = 0): number {
  return crc32(new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from), crc);
}

/** Products of a factor with every byte at each of the four places. */
function tablesOf(factor: number): Int32Array {
  const tables = new Int32Array(1024);
  for (let place = 0; place < 4; place += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const product = multiply(1 << (8 * place + bit), factor);
      const first = 256 * place + (1 << bit);
      for (let low = 0; low < 1 << bit; low += 1)
        tables[first + low] = tables[first - (1 << bit) + low]! ^ product;
    }
  }
  return tables;
}

/** x to the power of 8 times `bytes`: what moving a CRC32 on over that many bytes multiplies it with. */
function power(bytes: number): number {
  let result = one;
  // x to the power of 8.
  let square = one >>> 8;
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

/** Product of two polynomials over GF(2), modulo the CRC's own. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit -= 1) {
    product ^= shifted & -((a >>> bit) & 1);
    shifted = (shifted >>> 1) ^ (polynomial & -(shifted & 1));
  }
  return product;
}
