/** The text of a table as MariaDB shows it, taken apart and put together. */
import { describe, expect, test } from '@jest/globals';
import {
  foreignKeysIn,
  foreignKeyText,
  sequencesIn,
  withForeignKeys,
  withSequences,
} from '../../mariadb/part/table-text.ts';

/** As 10.11 shows it. */
const text = [
  'CREATE TABLE `li``nes` (',
  '  `id` int(11) NOT NULL DEFAULT nextval(`shop`.`num``bers`),',
  "  `note` text DEFAULT 'a,\\n  CONSTRAINT `x` FOREIGN KEY (`id`) REFERENCES `y` (`id`)',",
  '  `o` int(11) DEFAULT (nextval(`other`.`s`) + 1),',
  '  PRIMARY KEY (`id`),',
  '  KEY `o)` (`o`),',
  '  CONSTRAINT `of``it` FOREIGN KEY (`o`, `i)d`) REFERENCES `orders` (`id`, `i)d`) ON DELETE CASCADE,',
  '  CONSTRAINT `abroad` FOREIGN KEY (`o`) REFERENCES `d.b`.`t``t` (`id`),',
  '  CONSTRAINT `few` CHECK (`o` < 10),',
  '  CONSTRAINT `last` FOREIGN KEY (`o`) REFERENCES `orders` (`id`) ON DELETE SET NULL ON UPDATE NO ACTION',
  ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='c'",
  ' PARTITION BY KEY (`id`)',
].join('\n');

describe('foreign keys', () => {
  test('are found with what they refer to', () => {
    expect(foreignKeysIn(text)).toEqual([
      {
        name: 'of`it',
        referencedTable: 'orders',
        columns: 'FOREIGN KEY (`o`, `i)d`)',
        rest: '(`id`, `i)d`) ON DELETE CASCADE',
      },
      {
        name: 'abroad',
        referencedDatabase: 'd.b',
        referencedTable: 't`t',
        columns: 'FOREIGN KEY (`o`)',
        rest: '(`id`)',
      },
      {
        name: 'last',
        referencedTable: 'orders',
        columns: 'FOREIGN KEY (`o`)',
        rest: '(`id`) ON DELETE SET NULL ON UPDATE NO ACTION',
      },
    ]);
    const [of, abroad] = foreignKeysIn(text);
    expect(foreignKeyText(of!, 'shop')).toBe(
      'CONSTRAINT `of``it` FOREIGN KEY (`o`, `i)d`) REFERENCES `shop`.`orders` (`id`, `i)d`) ON DELETE CASCADE',
    );
    expect(foreignKeyText(abroad!, 'shop')).toBe(
      'CONSTRAINT `abroad` FOREIGN KEY (`o`) REFERENCES `d.b`.`t``t` (`id`)',
    );
  });

  test('stay out, or get other names, and all else stays as it is', () => {
    const lines = text.split('\n');
    const none = withForeignKeys(text, () => undefined).split('\n');
    expect(none).toEqual([...lines.slice(0, 6), '  CONSTRAINT `few` CHECK (`o` < 10)', ...lines.slice(10)]);
    const renamed = withForeignKeys(text, ({ name }) => (name === 'last' ? 'for now' : undefined));
    expect(renamed).toContain(
      '\n  CONSTRAINT `for now` FOREIGN KEY (`o`) REFERENCES `orders` (`id`) ON DELETE SET NULL ON UPDATE NO ACTION\n)',
    );
    expect(withForeignKeys(text, ({ name }) => name)).toBe(text);
  });
});

test('sequences of defaults are found, and replaced where they go along', () => {
  expect(sequencesIn(text)).toEqual([
    { database: 'shop', name: 'num`bers' },
    { database: 'other', name: 's' },
  ]);
  const moved = withSequences(text, (database) => (database === 'shop' ? 'shop`2' : undefined));
  expect(moved).toContain('DEFAULT nextval(`shop``2`.`num``bers`),');
  expect(moved).toContain('nextval(`other`.`s`)');
});
