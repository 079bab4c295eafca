package freshet.oracle;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeoutException;

/**
 * Lets the sources of a job act one after the other. A source registers and then does what the driver orders, a step at a time; without a
 * driver (batch) or after {@link #open} it does all on its own.
 */
final class Turns {
    /** The input line that ends a turn. */
    static final String BARRIER = "~";

    /** What a source can be told to do. */
    interface Step {
        void run(ValuesFunction source) throws Exception;
    }

    private final List<ValuesFunction> sources = new ArrayList<>();
    private ValuesFunction turn;
    private Step step;
    private boolean open;

    /** Whether a driver orders the steps; else a source emits all it has. */
    volatile boolean driven;

    /** The number of the turn, from 0; rows note it when they reach a sink. */
    volatile int current;

    synchronized void register(ValuesFunction s) {
        sources.add(s);
        notifyAll();
    }

    /** The sources in the order of the plan, once there are n. */
    synchronized List<ValuesFunction> await(int n, long deadline, java.util.function.BooleanSupplier failed) throws Exception {
        while (sources.size() < n) {
            pause(deadline, failed);
        }
        sources.sort(Comparator.comparingLong(s -> s.order));
        return new ArrayList<>(sources);
    }

    /** Makes one source do a step and returns when it has. */
    synchronized void order(ValuesFunction s, Step what, long deadline, java.util.function.BooleanSupplier failed) throws Exception {
        turn = s;
        step = what;
        notifyAll();
        while (step != null) {
            pause(deadline, failed);
        }
    }

    private void pause(long deadline, java.util.function.BooleanSupplier failed) throws Exception {
        wait(50);
        if (System.currentTimeMillis() > deadline) {
            throw new TimeoutException("the sources did not move in time");
        }
        if (open || failed.getAsBoolean()) {
            throw new Stopped();
        }
    }

    /** The next step for a source; null when nobody drives any more. */
    synchronized Step next(ValuesFunction s) throws InterruptedException {
        while (!open && (turn != s || step == null)) {
            wait();
        }
        return open ? null : step;
    }

    synchronized void done(ValuesFunction s) {
        if (turn == s) {
            step = null;
            notifyAll();
        }
    }

    synchronized void open() {
        open = true;
        notifyAll();
    }

    /** The job ended under the driver. */
    static final class Stopped extends Exception {}
}
