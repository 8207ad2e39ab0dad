// The page's own line icons, on a grid of 24.

const PATHS = {
  live: 'M3 8.5A2.5 2.5 0 0 1 5.5 6h8A2.5 2.5 0 0 1 16 8.5v7A2.5 2.5 0 0 1 13.5 18h-8A2.5 2.5 0 0 1 3 15.5zM16 10.5 21 7.5v9L16 13.5',
  events: 'M6 9.5a6 6 0 0 1 12 0c0 5 2 6.5 2 6.5H4s2-1.5 2-6.5M10 19.5a2 2 0 0 0 4 0',
  cameras:
    'M12 12.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6M12 17a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15M7.5 16 6 21.5h12L16.5 16',
  system: 'M3 12h4l2.5-7 5 14L17 12h4',
  account: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4.5 20.5c.8-3.6 3.7-5.5 7.5-5.5s6.7 1.9 7.5 5.5',
  back: 'm14.5 6-6 6 6 6',
  close: 'm6 6 12 12M18 6 6 18',
  plus: 'M12 5v14M5 12h14',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  dismiss: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M5.7 5.7l12.6 12.6',
  trash: 'M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7M10.5 11v5M13.5 11v5',
  zone: 'M5 7.5 13 4l6.5 6-3.5 9L6 17.5z',
  line: 'M5 19 19 5M13.5 5H19v5.5',
  warning: 'M12 4 2.8 19.5h18.4zM12 10v4.5M12 17.2v.1',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 11v5M12 7.8v.1',
  filter: 'M4 6h16M7 12h10M10 18h4',
  expand: 'M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7',
  boxes: 'M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M9 9h6v6H9z',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  key: 'M8 20a4 4 0 1 0 0-8 4 4 0 0 0 0 8M11 13l8.5-8.5M16 8l3 3',
  users:
    'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 19.5c.6-3.3 3.1-5 6.5-5s5.9 1.7 6.5 5M16 4.8a3.5 3.5 0 0 1 0 6.4M18 14.9c1.9.7 3.1 2.2 3.5 4.6',
  send: 'M20.5 3.5 3.5 10.5l6.5 3 3 7zM10 13.5l4.5-4.5',
  help: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M9.5 9.5A2.5 2.5 0 0 1 12 7.2c1.5 0 2.5 1 2.5 2.2 0 1.8-2.5 2-2.5 4M12 16.7v.1',
  signOut: 'M14 4H6v16h8M11 12h10M17.5 8.5 21 12l-3.5 3.5',
  picture: 'M4 5h16v14H4zM4 16l4.5-4.5 4 4 3-3L20 17M15.5 9.5v.1',
  refresh: 'M20 5v5h-5M4 19v-5h5M19.3 10A7.5 7.5 0 0 0 6 7.3M4.7 14A7.5 7.5 0 0 0 18 16.7',
  layers: 'm12 3.5 9 4.7-9 4.7-9-4.7zM3.5 12.5 12 17l8.5-4.5M3.5 16.5 12 21l8.5-4.5',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
