/** Text for a terminal: control characters, which could move the cursor or worse, become visible marks. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]/gu, '\u{fffd}');
}
