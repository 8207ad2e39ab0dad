// Starts the page.

import '@fontsource-variable/inter/wght.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/parts.css';
import './styles/shell.css';
import './styles/live.css';
import './styles/events.css';
import './styles/cameras.css';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { applyScheme } from './lib/scheme';

applyScheme();
const root = document.getElementById('root');
if (root) createRoot(root).render(<App />);
