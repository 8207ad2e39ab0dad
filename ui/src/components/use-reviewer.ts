// Judging an event: tells the server, the lists and the person.

import { useQueryClient } from '@tanstack/react-query';
import { remember } from '../api/live-events';
import { useReview } from '../api/queries';
import type { Review } from '../api/types';
import { useMayOperate } from './session';
import { useToast } from './toast';

export interface Reviewer {
  allowed: boolean;
  pending: boolean;
  judge(id: string, verdict: Review): void;
}

const DONE: Record<Review, string> = { confirmed: 'Confirmed', dismissed: 'Dismissed', new: 'Marked as new' };

/** `judged` is called once the server has taken a verdict, to go on to the next. */
export function useReviewer(judged: () => void): Reviewer {
  const client = useQueryClient();
  const tell = useToast();
  const allowed = useMayOperate();
  const review = useReview((event) => {
    remember(client, event);
    tell(DONE[event.review]);
    if (event.review !== 'new') judged();
  });
  return {
    allowed,
    pending: review.isPending,
    judge(id, verdict) {
      if (!allowed || review.isPending) return;
      review.mutate({ id, review: verdict }, { onError: (problem) => tell(problem.message) });
    },
  };
}
