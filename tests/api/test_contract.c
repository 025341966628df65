/* The contract against the router, both ways: what is routed is described, what is described is routed, and by whom it may be asked. */
// SPDX-License-Identifier: Apache-2.0
#include "api/contract.h"
#include "api/route.h"
#include "tests/support/cmocka_all.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const SCOPE_WORDS[] = {"consumer", "provider", "worker",
                                          "operator", "auditor",  "enrol"};
#define ALL_SCOPES 6

static json_t *document;

static int setup(void **state)
{
    json_error_t error;
    (void)state;
    document = json_loadb((const char *)contract_openapi.data, contract_openapi.size,
                          JSON_REJECT_DUPLICATES, &error);
    assert_non_null(document);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(document);
    return 0;
}

static void lower(const char *text, char *ret)
{
    for (; *text != '\0'; text++) {
        *ret++ = (char)tolower((unsigned char)*text);
    }
    *ret = '\0';
}

static json_t *operation_of(const struct route *route)
{
    char method[16];
    lower(http_method_name(route->method), method);
    const json_t *path = json_object_get(json_object_get(document, "paths"), route->pattern);
    return json_object_get(path, method);
}

static const struct route *route_of(const char *pattern, const char *method)
{
    size_t count;
    const struct route_table *const *tables = route_tables(&count);
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct route *route = &tables[t]->routes[i];
            char name[16];
            lower(http_method_name(route->method), name);
            if (strcmp(route->pattern, pattern) == 0 && strcmp(name, method) == 0) {
                return route;
            }
        }
    }
    return NULL;
}

static void every_route_is_described(void **state)
{
    (void)state;
    size_t count;
    size_t missing = 0;
    const struct route_table *const *tables = route_tables(&count);
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct route *route = &tables[t]->routes[i];
            if (operation_of(route) == NULL) {
                print_error("api/contract describes no %s %s\n", http_method_name(route->method),
                            route->pattern);
                missing++;
            }
        }
    }
    assert_int_equal(missing, 0);
}

static void every_described_operation_is_routed(void **state)
{
    (void)state;
    const char *pattern;
    const char *method;
    json_t *item;
    json_t *operation;
    size_t seen = 0;
    json_object_foreach(json_object_get(document, "paths"), pattern, item)
    {
        json_object_foreach(item, method, operation)
        {
            if (strcmp(method, "parameters") == 0) {
                continue;
            }
            seen++;
            if (route_of(pattern, method) == NULL) {
                fail_msg("api/contract describes %s %s, which is no route", method, pattern);
            }
        }
    }
    assert_true(seen > 50);
}

/* [] is public, [{"token":[]}] any token, else an alternative for each scope. */
static uint64_t scopes_of(const json_t *operation)
{
    const json_t *security = json_object_get(operation, "security");
    uint64_t scopes = 0;
    if (json_array_size(security) == 0) {
        return ROUTE_PUBLIC;
    }
    for (size_t i = 0; i < json_array_size(security); i++) {
        const json_t *names = json_object_get(json_array_get(security, i), "token");
        if (json_array_size(names) == 0) {
            return ROUTE_ANY;
        }
        for (size_t s = 0; s < ALL_SCOPES; s++) {
            if (strcmp(json_string_value(json_array_get(names, 0)), SCOPE_WORDS[s]) == 0) {
                scopes |= UINT64_C(1) << s;
            }
        }
    }
    return scopes;
}

static void whoever_may_ask_is_described_as_it_is(void **state)
{
    (void)state;
    size_t count;
    const struct route_table *const *tables = route_tables(&count);
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct route *route = &tables[t]->routes[i];
            if (scopes_of(operation_of(route)) != route->scopes) {
                fail_msg("%s %s: api/contract has other scopes", http_method_name(route->method),
                         route->pattern);
            }
        }
    }
}

static void bodies_are_described_where_they_are_read(void **state)
{
    (void)state;
    size_t count;
    const struct route_table *const *tables = route_tables(&count);
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct route *route = &tables[t]->routes[i];
            const json_t *content =
                json_object_get(json_object_get(operation_of(route), "requestBody"), "content");
            bool is_json = json_object_get(content, "application/json") != NULL;
            if ((content != NULL) != (route->body != BODY_NONE) ||
                is_json != (route->body == BODY_JSON)) {
                fail_msg("%s %s: api/contract has another body", http_method_name(route->method),
                         route->pattern);
            }
        }
    }
}

static void the_page_has_no_script_and_loads_nothing_of_others(void **state)
{
    (void)state;
    const struct bytes page = contract_docs;
    assert_null(memmem(page.data, page.size, "<script", 7));
    assert_null(memmem(page.data, page.size, " style=", 7));
    assert_null(memmem(page.data, page.size, "src=", 4));
    assert_null(memmem(page.data, page.size, "href=\"http", 10));
    assert_non_null(memmem(page.data, page.size, "/v1/jobs/{id}/cancel", 20));
    assert_true(contract_style.size > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described),
        cmocka_unit_test(every_described_operation_is_routed),
        cmocka_unit_test(whoever_may_ask_is_described_as_it_is),
        cmocka_unit_test(bodies_are_described_where_they_are_read),
        cmocka_unit_test(the_page_has_no_script_and_loads_nothing_of_others),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
