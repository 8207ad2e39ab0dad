// One event in full: its clip or picture, what is known of it, and the verdict.

import { useState } from 'react';
import { Link } from 'wouter';
import { url } from '../api/client';
import { useCameraName, useEvent } from '../api/queries';
import type { Event } from '../api/types';
import {
  capital,
  describeEvent,
  formatMoment,
  formatPercent,
  kindName,
  lengthOf,
  words,
} from '../lib/format';
import { useKeys } from '../lib/hooks';
import { EventTime, pictureOf, ReviewBadge } from './event-thumb';
import { Icon } from './icon';
import { type Fact, Facts, Loaded, Nothing, Skeleton } from './parts';
import type { Reviewer } from './use-reviewer';

interface EventDetailProps {
  id: string | null;
  review: Reviewer;
  onClose(): void;
}

export function EventDetail({ id, review, onClose }: EventDetailProps) {
  const event = useEvent(id);
  if (id === null) {
    return (
      <section className="card detail idle" aria-label="Event">
        <Nothing icon="events" title="Choose an event">
          <p>
            Its clip, its picture and its facts are shown here. Go through the list with <kbd>j</kbd> and{' '}
            <kbd>k</kbd>, confirm with <kbd>c</kbd>, dismiss with <kbd>d</kbd>.
          </p>
        </Nothing>
      </section>
    );
  }
  return (
    <section className="card detail" aria-label="Event">
      <Loaded query={event} waiting={<Skeleton height="24rem" />}>
        {(event) => (
          <>
            <header>
              <div>
                <h2>{describeEvent(event)}</h2>
                <span className="muted small">
                  <CameraName id={event.camera} /> · <EventTime event={event} />
                </span>
              </div>
              <div className="row">
                <ReviewBadge review={event.review} />
                <button type="button" className="button quiet icon-only" aria-label="Close" onClick={onClose}>
                  <Icon name="close" />
                </button>
              </div>
            </header>
            <Evidence event={event} />
            <div className="body stack">
              <Verdict event={event} review={review} />
              <Facts facts={factsOf(event)} />
            </div>
          </>
        )}
      </Loaded>
    </section>
  );
}

function CameraName({ id }: { id: string }) {
  return <>{useCameraName(id)}</>;
}

/** The clip if there is one, else the picture; with boxes or without. */
function Evidence({ event }: { event: Event }) {
  const [wanted, setWanted] = useState<'clip' | 'picture'>('clip');
  const [boxes, setBoxes] = useState(true);
  const [failed, setFailed] = useState(false);
  const hasClip = event.clip && !failed;
  const shown = hasClip && wanted === 'clip' ? 'clip' : 'picture';
  const toggle = () => hasClip && setWanted(shown === 'clip' ? 'picture' : 'clip');
  useKeys({ b: () => setBoxes(!boxes), p: toggle });
  return (
    <div className="evidence">
      {shown === 'clip' ? (
        <video
          src={url(`/events/${encodeURIComponent(event.id)}/clip`)}
          {...(event.picture ? { poster: pictureOf(event, false) } : {})}
          controls
          autoPlay
          muted
          loop
          playsInline
          aria-label="Clip of the event"
          onError={() => setFailed(true)}
        />
      ) : (
        <Picture event={event} boxes={boxes && event.picture_boxes} />
      )}
      <div className="row apart bar">
        <div className="segments">
          <button
            type="button"
            aria-pressed={shown === 'clip'}
            disabled={!hasClip}
            onClick={() => setWanted('clip')}
          >
            Clip
          </button>
          <button type="button" aria-pressed={shown === 'picture'} onClick={() => setWanted('picture')}>
            Picture
          </button>
        </div>
        {shown === 'picture' && event.picture_boxes && (
          <label className="check small">
            <input type="checkbox" checked={boxes} onChange={() => setBoxes(!boxes)} /> Boxes
          </label>
        )}
        {!hasClip && <span className="muted small">{clipNote(event, failed)}</span>}
      </div>
    </div>
  );
}

function clipNote(event: Event, failed: boolean): string {
  if (failed) return 'The clip cannot be played in this browser';
  return event.state === 'started'
    ? 'The clip is ready soon after the event ends'
    : 'There is no clip, or not yet';
}

function Picture({ event, boxes }: { event: Event; boxes: boolean }) {
  if (!event.picture) {
    return (
      <div className="no-picture">
        <Icon name="picture" /> There is no picture
      </div>
    );
  }
  return <img src={pictureOf(event, boxes)} alt={`${describeEvent(event)}, camera ${event.camera}`} />;
}

function Verdict({ event, review }: { event: Event; review: Reviewer }) {
  if (!review.allowed) return null;
  const disabled = review.pending;
  return (
    <div className="verdict">
      <button
        type="button"
        className={`button danger ${event.review === 'confirmed' ? 'chosen' : ''}`}
        aria-pressed={event.review === 'confirmed'}
        disabled={disabled}
        onClick={() => review.judge(event.id, 'confirmed')}
      >
        <Icon name="check" /> Confirm <kbd>c</kbd>
      </button>
      <button
        type="button"
        className={`button ${event.review === 'dismissed' ? 'chosen' : ''}`}
        aria-pressed={event.review === 'dismissed'}
        disabled={disabled}
        onClick={() => review.judge(event.id, 'dismissed')}
      >
        <Icon name="dismiss" /> Dismiss <kbd>d</kbd>
      </button>
    </div>
  );
}

function factsOf(event: Event): Fact[] {
  const facts: Fact[] = [
    [
      'Camera',
      <Link key="camera" href={`/cameras/${encodeURIComponent(event.camera)}`}>
        <CameraName id={event.camera} />
      </Link>,
    ],
    ['What', `${capital(event.class)}, ${formatPercent(event.score)} sure`],
    ['Kind', kindName(event.kind)],
  ];
  if (event.rule) facts.push([event.kind === 'line_crossing' ? 'Line' : 'Zone', event.rule]);
  if (event.direction) facts.push(['Direction', words(event.direction)]);
  if (event.start) facts.push(['Began', formatMoment(event.start)]);
  facts.push(['Lasted', lengthOf(event)]);
  if (event.reviewed_by && event.reviewed_at) {
    facts.push([capital(event.review), `by ${event.reviewed_by}, ${formatMoment(event.reviewed_at)}`]);
  }
  facts.push(['Track', <code key="track">{event.track}</code>], ['Event', <code key="id">{event.id}</code>]);
  return facts;
}
