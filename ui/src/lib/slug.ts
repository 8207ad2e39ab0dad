// A camera's id out of its name.

/** 1 to 32 of a-z, 0-9, '_' and '-', as ids are; empty if nothing of the name can be kept. */
export function slug(name: string): string {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').replaceAll('ß', 'ss').toLowerCase();
  return plain
    .replace(/[^a-z0-9_]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 32);
}
