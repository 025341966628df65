// SPDX-License-Identifier: Apache-2.0
// What a button does. Asked for again while it is at it, it is not begun again: a mutation tells its component only with the next frame that it has begun, and
// two clicks come before that.
import { useMutation, type UseMutationOptions, type UseMutationResult } from "@tanstack/react-query";
import { useCallback, useRef } from "react";

export function useAction<T, Given = void>(options: UseMutationOptions<T, Error, Given>): UseMutationResult<T, Error, Given> {
  const busy = useRef(false);
  const mutation = useMutation({
    ...options,
    onSettled: (...all) => {
      busy.current = false;
      return options.onSettled?.(...all);
    },
  });
  const { mutate } = mutation;
  const once = useCallback<typeof mutate>((...given) => {
    if (busy.current) return;
    busy.current = true;
    mutate(...given);
  }, [mutate]);
  return { ...mutation, mutate: once };
}
