import { Attachments } from "./attachments.js";
import { Attempt } from "./attempt.js";
import { Backend } from "./backend.js";
import { Conversations } from "./conversations.js";
import { Edits } from "./edits.js";
import { Following, PERSON_MILLISECONDS, TURN_MILLISECONDS } from "./following.js";
import { attachmentIdsIn, messageIn, operationIn, requestInit } from "./operations.js";
import { pause, Stops } from "./stops.js";
import { subjectOf, Turns } from "./turns.js";
import { Unsent } from "./unsent.js";
import { View } from "./view.js";
/**
 * How long the router waits after ChatKit aborts a request, in ms. A re-send, a thread change or the end of the page
 * shows itself in that time; if none of them does, the user has pressed Stop.
 */
const DECISION_MILLISECONDS = 100;
/** How long a new message waits for the Stop before it, in ms. Another process sees a Stop within a second. */
const STOP_MILLISECONDS = 5000;
const FRAME = "chatkit-frame-instance-id";
/** Connects ChatKit's element to a backend. Make one for each element. */
export class ChatKitRouter extends Conversations {
    #backend;
    #turns = new Turns();
    #attachments = new Attachments();
    #attempts = new Set();
    #edits = new Edits();
    #stale = new Set();
    #stops;
    #view;
    #unsent;
    #following;
    #person;
    #jobs;
    constructor(options) {
        const backend = new Backend(options);
        super(backend);
        this.#backend = backend;
        this.#stops = new Stops(this.#backend, (threadId) => this.#reads(threadId), (threadId) => this.#changed(threadId));
        const refresh = (threadId) => this.#refresh(threadId);
        this.#following = new Following(refresh, options.onFollow ?? (() => { }), TURN_MILLISECONDS);
        this.#person = new Following(refresh, options.onPerson ?? (() => { }), PERSON_MILLISECONDS);
        this.#jobs = new Following(refresh, () => { }, PERSON_MILLISECONDS);
        this.#view = new View({
            threadOpened: (threadId) => this.#threadOpened(threadId),
            loaded: () => void this.#unsent.recover(),
            answered: () => {
                const { thread } = this.#view;
                if (thread && this.#stale.delete(thread))
                    this.#refresh(thread);
            },
            personAsked: () => this.#view.thread && this.#person.heard(this.#view.thread, true),
            jobStarted: () => this.#view.thread && this.#jobs.heard(this.#view.thread, true),
            looked: () => this.#refresh(this.#view.thread ?? null),
            changedElsewhere: (threadId) => this.#refresh(threadId),
        });
        this.#unsent = new Unsent(this.#backend, this.#turns, this.#view, options.onUnsent);
    }
    /** ChatKit's option `api`, for files that go straight into the bucket. */
    api(domainKey) {
        return { url: this.#backend.streamUrl, domainKey, fetch: this.fetch, uploadStrategy: { type: "two_phase" } };
    }
    /** The thread that was open in this tab before the page was loaded, for ChatKit's option `initialThread`. */
    get initialThread() {
        return this.#view.initialThread;
    }
    /**
     * Tell the router its element: before `setOptions`, or as a `ref` in React and Vue. With null it forgets the element.
     *
     * Without an element the router cannot follow a turn or see that the user leaves a thread.
     */
    attach = (element) => {
        this.#view.attach(element);
    };
    /**
     * Stop the running turn of a thread, by default of the open one: for a page's own button.
     *
     * @throws Error if the server could not be told
     */
    async stop(threadId = this.#view.thread ?? null) {
        if (threadId === null || (await this.#stops.stop(threadId)))
            return;
        throw new Error("The answer could not be stopped. Please try again.");
    }
    /** Open one of the user's conversations. */
    open(threadId) {
        return this.#view.open(threadId);
    }
    get thread() {
        return this.#view.thread ?? null;
    }
    /** Let the user's next message in the open thread replace an earlier one, and all that follows it. */
    edit(itemId) {
        this.#edits.begin(this.openThread, itemId);
    }
    /** Forget the open thread and all turns. Call it when the user signs out. */
    forget() {
        this.#following.end();
        this.#person.end();
        this.#jobs.end();
        this.#turns.clear();
        this.#view.forget();
    }
    /** The `fetch` for ChatKit's option `api`. */
    fetch = async (input, init) => {
        const url = new URL(input instanceof Request ? input.url : input, globalThis.location?.href);
        if (!this.#backend.owns(url))
            return fetch(input, init);
        const request = input instanceof Request ? { ...(await requestInit(input)), ...init } : { ...init };
        const operation = url.href === this.#backend.streamUrl ? operationIn(request.body) : null;
        if (!operation) {
            const answer = await this.#backend.send(url.href, request, { repeatable: false });
            if (request.body instanceof FormData)
                await this.#attachments.note(answer);
            return answer;
        }
        if (operation.streaming) {
            const body = this.#edits.marked(operation, request.body);
            return this.#stream({ ...request, body }, body);
        }
        if (operation.type === "threads.get_by_id")
            this.#view.read(operation.threadId);
        const response = await this.#answer(operation, request);
        if (operation.type === "attachments.create")
            await this.#attachments.note(response);
        const { threadId } = operation;
        if (threadId === null)
            return response;
        if (operation.reading && response.ok)
            this.#hear(threadId, response);
        // A deleted thread has no turn to follow.
        if (operation.reading && response.status === 404)
            this.#following.heard(threadId, false);
        if (operation.type === "threads.delete" && response.ok)
            this.#view.tellOthers(threadId);
        return response;
    };
    async #answer({ reading }, request) {
        const response = await this.#backend.send(this.#backend.apiUrl, request, { repeatable: reading });
        // The API carries 6 MB at most; the stream URL carries more.
        if (response.status !== 413 || this.#backend.apiUrl === this.#backend.streamUrl)
            return response;
        await response.body?.cancel();
        return this.#backend.send(this.#backend.streamUrl, request, { repeatable: reading });
    }
    /** A thread was read: the answer names the turn that runs in it. */
    #hear(threadId, response) {
        if (threadId !== this.#view.thread)
            return;
        this.#person.heard(threadId, response.headers.has("x-person"));
        this.#jobs.heard(threadId, response.headers.has("x-working"));
        // The router need not follow a turn that ChatKit reads or has just stopped.
        const known = this.#stops.has(threadId) || [...this.#attempts].some(({ turn }) => turn.threadId === threadId);
        this.#following.heard(threadId, response.headers.has("x-turn-id") && !known);
    }
    async #stream(request, body) {
        const { signal } = request;
        signal?.throwIfAborted();
        const frame = new Headers(request.headers).get(FRAME) ?? "";
        const turn = this.#turns.take(body, frame, subjectOf(this.#backend.lastToken), this.#attachments.find(attachmentIdsIn(body)));
        const attempt = new Attempt(turn);
        this.#attempts.add(attempt);
        this.#following.end();
        const aborted = new Promise((_, reject) => {
            signal?.addEventListener("abort", () => {
                if (attempt.over) {
                    // ChatKit was about to send the failed request again.
                    setTimeout(() => this.#stopAfterFailure(attempt), DECISION_MILLISECONDS);
                    return;
                }
                attempt.aborted = true;
                attempt.unsent = turn.progress !== "accepted" && navigator.onLine === false;
                // Otherwise the connection may come back before the router has decided, and the request would go out.
                if (attempt.unsent)
                    attempt.close();
                reject(signal.reason);
                setTimeout(() => (attempt.decision ??= this.#decide(attempt)), DECISION_MILLISECONDS);
            });
        });
        return Promise.race([this.#attempt(attempt, request), aborted]);
    }
    async #attempt(attempt, request) {
        const { turn } = attempt;
        try {
            // A Stop that is still on its way must not stop the turn that this request starts.
            if (turn.threadId !== null)
                await this.#stopBefore(attempt);
            const headers = new Headers(request.headers);
            headers.set("idempotency-key", turn.key);
            const init = { ...request, headers, signal: attempt.signal };
            const response = await this.#backend.send(this.#backend.streamUrl, init, { repeatable: true });
            turn.subject ??= subjectOf(this.#backend.lastToken);
            if (!response.ok) {
                this.#refused(attempt, response.status);
                return response;
            }
            this.#turns.note(turn, "accepted");
            this.#view.tellOthers(turn.threadId);
            if (messageIn(turn.body))
                this.#unsent.sentAtLast();
            return attempt.read(response, request.signal, (threadId) => {
                turn.threadId = threadId;
                this.#turns.save();
                this.#view.tellOthers(threadId);
            }, (whole) => this.#ended(attempt, whole));
        }
        catch (error) {
            this.#failed(attempt);
            throw error;
        }
    }
    #ended(attempt, whole) {
        this.#attempts.delete(attempt);
        // A stream that broke off is sent again by ChatKit, with the same key.
        if (whole) {
            this.#turns.forget(attempt.turn);
            this.#edits.ended(attempt.turn.body);
        }
        this.#view.tellOthers(attempt.turn.threadId);
    }
    /** The request did not reach the server, or the server could not answer. ChatKit sends it again. */
    #failed(attempt) {
        attempt.fail();
        this.#attempts.delete(attempt);
        const { turn, aborted } = attempt;
        if (turn.progress === "sent" && !aborted && !this.#view.leaving)
            this.#turns.note(turn, "failed");
    }
    #refused(attempt, status) {
        this.#failed(attempt);
        if (status >= 500 || attempt.aborted)
            return;
        const { turn } = attempt;
        const message = messageIn(turn.body);
        if (!message)
            return this.#turns.forget(turn);
        // The turn is kept until its words are sent: a page that now goes to a sign-in page shows them again afterwards.
        this.#unsent.giveBack(turn);
    }
    /** Decide what ChatKit's abort means: a re-send, leaving, or Stop. */
    async #decide(attempt) {
        const { turn } = attempt;
        const sentAgain = [...this.#attempts].some((other) => other !== attempt && other.turn === turn);
        if (attempt.unsent)
            this.#turns.note(turn, "failed");
        const stopped = !sentAgain && !attempt.left && !this.#view.leaving;
        const isNew = turn.threadId === null;
        if (stopped)
            await this.#stopAttempt(attempt);
        else if (!sentAgain)
            await this.#leave(attempt);
        attempt.close();
        this.#attempts.delete(attempt);
        // ChatKit did not read the id of the thread that the stopped message has made.
        if (stopped && isNew && turn.threadId !== null)
            this.#view.show(turn.threadId);
    }
    /** ChatKit has aborted between two attempts: the user has stopped a message that the server does not have. */
    #stopAfterFailure({ turn }) {
        const sentAgain = [...this.#attempts].some((other) => other.turn === turn);
        if (turn.progress !== "failed" || sentAgain || this.#view.leaving)
            return;
        if (turn.threadId === (this.#view.thread ?? null))
            this.#unsent.giveBack(turn);
    }
    /** The user has left the thread. The message still goes out, and the turn continues on the server. */
    async #leave(attempt) {
        attempt.turn.frame = null;
        await attempt.started();
        if (attempt.turn.progress === "accepted")
            this.#turns.forget(attempt.turn);
    }
    async #stopAttempt(attempt) {
        const { turn } = attempt;
        // A new thread's id comes with the first event. Until then, the request's key names the turn.
        const stopped = !attempt.unsent && turn.threadId === null && (await this.#stops.stopRequest(turn.key));
        // The open answer names the new thread. Also, a Stop that arrives before its turn stops nothing.
        if (!attempt.unsent)
            await attempt.started();
        this.#turns.forget(turn);
        if (turn.progress !== "accepted") {
            this.#unsent.giveBack(turn);
            this.#refresh(turn.threadId);
        }
        else if (!stopped && turn.threadId !== null)
            await this.#stops.stop(turn.threadId);
    }
    async #stopBefore(attempt) {
        const threadId = attempt.turn.threadId;
        const stops = [...this.#attempts]
            .filter((other) => other.aborted && other.turn !== attempt.turn && other.turn.threadId === threadId)
            .map((other) => (other.decision ??= this.#decide(other)));
        await Promise.race([Promise.all([...stops, this.#stops.telling(threadId)]), pause(STOP_MILLISECONDS)]);
    }
    #threadOpened(threadId) {
        this.#edits.forget();
        this.#person.end();
        this.#jobs.end();
        this.#following.end();
        for (const attempt of this.#attempts)
            attempt.left ||= attempt.turn.threadId !== threadId;
    }
    #changed(threadId) {
        this.#view.tellOthers(threadId);
        this.#refresh(threadId);
    }
    #refresh(threadId) {
        if (threadId === null)
            return;
        if (this.#reads(threadId))
            this.#stale.add(threadId);
        else
            this.#view.refresh(threadId);
    }
    /** Whether ChatKit reads the answer of a turn in a thread. */
    #reads(threadId) {
        return [...this.#attempts].some((attempt) => !attempt.aborted && attempt.turn.threadId === threadId);
    }
}
