/** A short message at the bottom with one way back. In: text and undo. It leaves after a while; the key z works as long. */
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { words } from "../words";

const SHOWN_MS = 10_000;

interface ToastMessage {
  text: string;
  undo?: () => void;
}

interface ToastControl {
  show: (message: ToastMessage) => void;
  undo: () => void;
}

const ToastContext = createContext<ToastControl>({ show: () => undefined, undo: () => undefined });

export function useToast(): ToastControl {
  return useContext(ToastContext);
}

export function ToastProvider({ children }: { children: ReactNode }): ReactNode {
  const [message, setMessage] = useState<ToastMessage | null>(null);
  useEffect(() => {
    if (!message) return;
    const timer = setTimeout(() => setMessage(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [message]);
  const undo = useCallback(() => {
    setMessage(null);
    message?.undo?.();
  }, [message]);
  const control = useMemo(() => ({ show: setMessage, undo }), [undo]);
  return (
    <ToastContext.Provider value={control}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {message && (
          <div className="toast" data-testid="toast">
            <span>{message.text}</span>
            {message.undo && (
              <button type="button" className="button button-small" onClick={undo}>
                {words.toast.undo} <kbd>z</kbd>
              </button>
            )}
          </div>
        )}
      </div>
    </ToastContext.Provider>
  );
}
