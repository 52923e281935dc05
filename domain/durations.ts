/** Spans of time as people write them. */
const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** In the largest unit that it is a whole number of. @example formatDuration(90_000) // '90s' */
export function formatDuration(ms: number): string {
  const [unit, size] = Object.entries(units).find(([, length]) => ms > 0 && ms % length === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

/** @param text a whole number and a unit: `500ms`, `30s`, `10m`, `24h`, `7d` */
export function parseDuration(text: string): number {
  const [, number, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  return Number(number) * units[(unit ?? 'ms') as keyof typeof units];
}

/** `90` → `1 min 30 s` */
export function secondsForPeople(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3_600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ] as const;
  const from = parts.findIndex(([count]) => count > 0);
  if (from < 0) return '0 s';
  return parts
    .slice(from, from + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}
