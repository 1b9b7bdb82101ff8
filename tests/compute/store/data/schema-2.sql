--
-- PostgreSQL database dump
--

\restrict 6hOe0xIaFfhE0kMRYfGgnh6cO7w1PEolIAXdTWEfqLSHFrRkO8JBMVmwrqglmLZ

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.events (
    job bigint NOT NULL,
    seq bigint NOT NULL,
    "time" double precision NOT NULL,
    slice bigint,
    attempt integer,
    emission integer,
    type text NOT NULL,
    payload text NOT NULL
);


--
-- Name: held; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.held (
    job bigint NOT NULL,
    sha256 bytea NOT NULL
);


--
-- Name: idempotency; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency (
    owner character varying NOT NULL COLLATE pg_catalog."C",
    key character varying NOT NULL COLLATE pg_catalog."C",
    body_hash text NOT NULL,
    created double precision NOT NULL,
    job bigint NOT NULL
);


--
-- Name: inputs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.inputs (
    job bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    packed text NOT NULL
);


--
-- Name: jobs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.jobs (
    serial bigint NOT NULL,
    id character varying NOT NULL COLLATE pg_catalog."C",
    owner character varying NOT NULL COLLATE pg_catalog."C",
    process character varying NOT NULL COLLATE pg_catalog."C",
    process_version text NOT NULL,
    created double precision NOT NULL,
    state character varying NOT NULL COLLATE pg_catalog."C",
    is_open boolean NOT NULL,
    on_error text NOT NULL,
    total bigint NOT NULL,
    done bigint NOT NULL,
    failed bigint NOT NULL,
    reused bigint NOT NULL,
    cpu_s double precision NOT NULL,
    peak_nbytes bigint NOT NULL,
    nbytes_in bigint NOT NULL,
    nbytes_out bigint NOT NULL,
    isolation text NOT NULL,
    reason text,
    message text,
    traceback text,
    started double precision,
    updated double precision,
    finished double precision,
    result text NOT NULL,
    hidden boolean NOT NULL,
    pruned boolean NOT NULL,
    last_seq bigint NOT NULL,
    request text NOT NULL,
    plan text NOT NULL,
    template text NOT NULL,
    running_permille bigint NOT NULL,
    reached_permille bigint NOT NULL
);


--
-- Name: jobs_serial_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.jobs_serial_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: jobs_serial_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.jobs_serial_seq OWNED BY public.jobs.serial;


--
-- Name: logs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.logs (
    job bigint NOT NULL,
    number bigint NOT NULL,
    attempt integer NOT NULL,
    text text NOT NULL,
    is_cut boolean NOT NULL
);


--
-- Name: pieces; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pieces (
    job bigint NOT NULL,
    number bigint NOT NULL,
    key character varying NOT NULL COLLATE pg_catalog."C",
    sha256 bytea NOT NULL,
    nbytes bigint NOT NULL
);


--
-- Name: processes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.processes (
    id character varying NOT NULL COLLATE pg_catalog."C",
    version text NOT NULL,
    owner text NOT NULL,
    title text NOT NULL,
    description text NOT NULL,
    inputs text NOT NULL,
    outputs text NOT NULL,
    source text NOT NULL,
    entry text NOT NULL,
    files text NOT NULL,
    created double precision NOT NULL
);


--
-- Name: schema_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_version (
    version integer NOT NULL
);


--
-- Name: slice_values; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.slice_values (
    job bigint NOT NULL,
    number bigint NOT NULL,
    value text NOT NULL
);


--
-- Name: slices; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.slices (
    job bigint NOT NULL,
    number bigint NOT NULL,
    state character varying NOT NULL COLLATE pg_catalog."C",
    attempt integer NOT NULL,
    boot text NOT NULL,
    settled double precision,
    cpu_s double precision,
    peak_nbytes bigint,
    nbytes_in bigint,
    nbytes_out bigint,
    reason text,
    message text,
    traceback text,
    permille integer
);


--
-- Name: tokens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tokens (
    id character varying NOT NULL COLLATE pg_catalog."C",
    digest bytea NOT NULL,
    "user" text NOT NULL,
    scopes text NOT NULL,
    datasets text,
    created double precision NOT NULL,
    expires double precision,
    last_used double precision,
    revoked double precision
);


--
-- Name: jobs serial; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.jobs ALTER COLUMN serial SET DEFAULT nextval('public.jobs_serial_seq'::regclass);


--
-- Data for Name: events; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.events VALUES (1, 1, 100, NULL, NULL, NULL, 'accepted', '{}');
INSERT INTO public.events VALUES (1, 2, 101, NULL, NULL, NULL, 'started', '{}');
INSERT INTO public.events VALUES (1, 3, 102, NULL, NULL, NULL, 'extended', '{"slices":1}');
INSERT INTO public.events VALUES (1, 4, 102.5, 1, 1, 0, 'found', '7');
INSERT INTO public.events VALUES (1, 5, 103, 1, NULL, NULL, 'slice-done', '{}');
INSERT INTO public.events VALUES (1, 6, 103, 2, NULL, NULL, 'slice-failed', '{"reason":"user-error","message":"division by zero"}');


--
-- Data for Name: held; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.held VALUES (1, '\xcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd');


--
-- Data for Name: idempotency; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.idempotency VALUES ('ann é', 'key', 'hash', 100, 1);


--
-- Data for Name: inputs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.inputs VALUES (1, 1, 2, '["1", "[2]"]');
INSERT INTO public.inputs VALUES (1, 3, 3, '["\"c\""]');


--
-- Data for Name: jobs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.jobs VALUES (1, 'job-1', 'ann é', 'map', '', 100, 'running', true, 'skip', 3, 1, 1, 0, 1.5, 2, 3, 4, 'none', NULL, NULL, NULL, 101, 103, NULL, '', false, false, 6, '{"asked": 1}', '{"plan": 1}', '{"kind": "table"}', 250, 250);


--
-- Data for Name: logs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.logs VALUES (1, 1, 1, 'hello', false);


--
-- Data for Name: pieces; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.pieces VALUES (1, 1, 't/c/0', '\xabababababababababababababababababababababababababababababababab', 5);


--
-- Data for Name: processes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.processes VALUES ('ndvi', '1.0.0', 'ann', 'NDVI', '', '{}', '{}', 'def f(x): ...', 'f', '{"a": "AA=="}', 9);


--
-- Data for Name: schema_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.schema_version VALUES (2);


--
-- Data for Name: slice_values; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.slice_values VALUES (1, 1, '1.5');


--
-- Data for Name: slices; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.slices VALUES (1, 3, 'leased', 1, 'boot', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 250);
INSERT INTO public.slices VALUES (1, 1, 'done', 1, 'boot', 103, 1.5, 2, 3, 4, NULL, NULL, NULL, NULL);
INSERT INTO public.slices VALUES (1, 2, 'failed', 1, 'boot', 103, 0, 0, 0, 0, 'user-error', 'division by zero', 'File "f", line 1', NULL);


--
-- Data for Name: tokens; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.tokens VALUES ('oZvZA23O', '\x02e4be708e9421f1da67edfc04df8d084f3f69be4c20587a3f8fbca7d12c791a', 'ann é', '["compute", "read"]', '["a"]', 1795537596.9243908, 5000000000, NULL, NULL);


--
-- Name: jobs_serial_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.jobs_serial_seq', 1, true);


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (job, seq);


--
-- Name: held held_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.held
    ADD CONSTRAINT held_pkey PRIMARY KEY (job, sha256);


--
-- Name: idempotency idempotency_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (owner, key);


--
-- Name: inputs inputs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inputs
    ADD CONSTRAINT inputs_pkey PRIMARY KEY (job, first);


--
-- Name: jobs jobs_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_id_key UNIQUE (id);


--
-- Name: jobs jobs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (serial);


--
-- Name: logs logs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.logs
    ADD CONSTRAINT logs_pkey PRIMARY KEY (job, number, attempt);


--
-- Name: pieces pieces_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pieces
    ADD CONSTRAINT pieces_pkey PRIMARY KEY (job, number, key);


--
-- Name: processes processes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.processes
    ADD CONSTRAINT processes_pkey PRIMARY KEY (id);


--
-- Name: schema_version schema_version_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (version);


--
-- Name: slice_values slice_values_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.slice_values
    ADD CONSTRAINT slice_values_pkey PRIMARY KEY (job, number);


--
-- Name: slices slices_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.slices
    ADD CONSTRAINT slices_pkey PRIMARY KEY (job, number);


--
-- Name: tokens tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);


--
-- Name: events_said_once; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX events_said_once ON public.events USING btree (job, slice, attempt, emission) WHERE (emission IS NOT NULL);


--
-- Name: ix_held_sha256; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_held_sha256 ON public.held USING btree (sha256);


--
-- Name: ix_idempotency_job; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_idempotency_job ON public.idempotency USING btree (job);


--
-- Name: ix_pieces_sha256; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_pieces_sha256 ON public.pieces USING btree (sha256);


--
-- Name: jobs_by_end; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX jobs_by_end ON public.jobs USING btree (finished);


--
-- Name: jobs_by_owner; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX jobs_by_owner ON public.jobs USING btree (owner, serial);


--
-- Name: jobs_unfinished; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX jobs_unfinished ON public.jobs USING btree (serial) WHERE ((state)::text = ANY ((ARRAY['accepted'::character varying, 'running'::character varying])::text[]));


--
-- Name: slices_not_done; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX slices_not_done ON public.slices USING btree (job, state, number) WHERE ((state)::text <> 'done'::text);


--
-- Name: slices_odd; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX slices_odd ON public.slices USING btree (job, number) WHERE (((state)::text <> 'done'::text) OR (attempt > 1));


--
-- Name: events events_job_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_job_fkey FOREIGN KEY (job) REFERENCES public.jobs(serial);


--
-- Name: held held_job_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.held
    ADD CONSTRAINT held_job_fkey FOREIGN KEY (job) REFERENCES public.jobs(serial);


--
-- Name: idempotency idempotency_job_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_job_fkey FOREIGN KEY (job) REFERENCES public.jobs(serial);


--
-- Name: inputs inputs_job_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inputs
    ADD CONSTRAINT inputs_job_fkey FOREIGN KEY (job) REFERENCES public.jobs(serial);


--
-- Name: logs logs_job_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.logs
    ADD CONSTRAINT logs_job_fkey FOREIGN KEY (job) REFERENCES public.jobs(serial);


--
-- Name: pieces pieces_job_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pieces
    ADD CONSTRAINT pieces_job_fkey FOREIGN KEY (job) REFERENCES public.jobs(serial);


--
-- Name: slice_values slice_values_job_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.slice_values
    ADD CONSTRAINT slice_values_job_fkey FOREIGN KEY (job) REFERENCES public.jobs(serial);


--
-- Name: slices slices_job_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.slices
    ADD CONSTRAINT slices_job_fkey FOREIGN KEY (job) REFERENCES public.jobs(serial);


--
-- PostgreSQL database dump complete
--

\unrestrict 6hOe0xIaFfhE0kMRYfGgnh6cO7w1PEolIAXdTWEfqLSHFrRkO8JBMVmwrqglmLZ

