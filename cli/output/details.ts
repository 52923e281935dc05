/** One record for people: a line a field, with the API's own names. */
import { printable } from './printable.ts';
import { duration, size, time } from './values.ts';

/** What is empty is left out: a record of the API has many fields that say nothing. */
export function details(record: object): string {
  const lines = flatten(record, '');
  const width = Math.max(0, ...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join('\n');
}

function flatten(value: object, prefix: string): [string, string][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]): [string, string][] => {
    const name = prefix + key;
    if (inner === '' || inner === undefined || inner === null) return [];
    if (Array.isArray(inner)) return inner.flatMap((item: unknown) => listItem(name, item));
    if (typeof inner === 'object') return flatten(inner, `${name}.`);
    return [[name, shown(key, inner as string | number | boolean)]];
  });
}

/** An entry of a list of records on one line. */
function listItem(name: string, item: unknown): [string, string][] {
  if (typeof item !== 'object' || item === null) return [[name, shown(name, item as string)]];
  const fields = flatten(item, '').map(([inner, value]) => `${inner} ${value}`);
  return [[name, fields.join(', ')]];
}

function shown(name: string, value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return time(value);
  if (/(^|_)bytes(_done|_total)?$|^backup_size$/.test(name)) return `${size(value)} (${value} bytes)`;
  if (name === 'bytes_per_second') return `${size(value)}/s`;
  if (/_seconds$/.test(name)) return duration(value);
  return name === 'percent' ? `${value} %` : String(value);
}
