/** The kinds of objects that statements define. */

/** What can be made, changed and dropped, by the words that say so. */
export const objects: Partial<Record<string, string>> = {
  TABLE: 'TABLE',
  TABLES: 'TABLE',
  DATABASE: 'DATABASE',
  SCHEMA: 'DATABASE',
  INDEX: 'INDEX',
  VIEW: 'VIEW',
  TRIGGER: 'TRIGGER',
  SEQUENCE: 'SEQUENCE',
  PROCEDURE: 'PROCEDURE',
  FUNCTION: 'FUNCTION',
  PACKAGE: 'PACKAGE',
  EVENT: 'EVENT',
  USER: 'USER',
  ROLE: 'ROLE',
  SERVER: 'SERVER',
};
