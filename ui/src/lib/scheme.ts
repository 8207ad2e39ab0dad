// Light or dark: the system's choice, or the one made here and kept in this browser.

import { useState } from 'react';

export type Scheme = 'system' | 'light' | 'dark';

const KEY = 'iris-scheme';

function stored(): Scheme {
  const value = localStorage.getItem(KEY);
  return value === 'light' || value === 'dark' ? value : 'system';
}

const prefersDark = window.matchMedia('(prefers-color-scheme: dark)');
prefersDark.addEventListener('change', () => applyScheme());

/** Shows the scheme; before the first picture of the page too, so that it does not flash. */
export function applyScheme(scheme: Scheme = stored()): void {
  const { classList, dataset } = document.documentElement;
  if (scheme === 'system') delete dataset['scheme'];
  else dataset['scheme'] = scheme;
  // For Swagger UI, which knows no `color-scheme`.
  classList.toggle('dark-mode', scheme === 'dark' || (scheme === 'system' && prefersDark.matches));
}

export function useScheme(): [Scheme, (scheme: Scheme) => void] {
  const [scheme, set] = useState(stored);
  return [
    scheme,
    (chosen) => {
      if (chosen === 'system') localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, chosen);
      applyScheme(chosen);
      set(chosen);
    },
  ];
}
