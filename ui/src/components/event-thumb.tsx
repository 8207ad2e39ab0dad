// One event as a line of a list: its picture, what it is, where and when.

import { Link } from 'wouter';
import { url } from '../api/client';
import { timeOf } from '../api/events';
import { useCameraName } from '../api/queries';
import type { Event, Review } from '../api/types';
import { describeEvent, formatClock, formatDate, formatMoment } from '../lib/format';
import { Icon } from './icon';

/** The picture's address. While the event goes on a better one may come; the fragment makes the browser ask again. */
export const pictureOf = (event: Event, boxes: boolean) =>
  url(`/events/${encodeURIComponent(event.id)}/picture?boxes=${boxes}#${event.state}`);

interface EventThumbProps {
  event: Event;
  href: string;
  current?: boolean;
  /** Where all are new, that need not be said. */
  badge?: boolean;
}

export function EventThumb({ event, href, current = false, badge = true }: EventThumbProps) {
  const camera = useCameraName(event.camera);
  return (
    <Link className="thumb" href={href} aria-current={current || undefined} data-event={event.id}>
      {event.picture ? (
        <img src={pictureOf(event, event.picture_boxes)} alt="" loading="lazy" decoding="async" />
      ) : (
        <span className="no-picture">
          <Icon name="picture" />
        </span>
      )}
      <span className="what">
        <strong>{describeEvent(event)}</strong>
        <span className="muted small">{camera}</span>
      </span>
      <span className="when">
        <EventTime event={event} />
        {badge && <ReviewBadge review={event.review} />}
      </span>
    </Link>
  );
}

/** When it happened, with the day unless it was today; for recordings, how far into them. */
export function EventTime({ event }: { event: Event }) {
  const time = timeOf(event);
  if (time === null) return <span className="number small">{event.media_start.toFixed(1)} s</span>;
  const day = formatDate(time);
  return (
    <time className="number small" dateTime={time} title={formatMoment(time)}>
      {formatClock(time)} {day && <span className="muted">{day}</span>}
    </time>
  );
}

const REVIEWS: Record<Review, [tone: string, name: string]> = {
  new: ['accent', 'New'],
  confirmed: ['danger', 'Confirmed'],
  dismissed: ['', 'Dismissed'],
};

export function ReviewBadge({ review }: { review: Review }) {
  const [tone, name] = REVIEWS[review];
  return <span className={`badge ${tone}`}>{name}</span>;
}
