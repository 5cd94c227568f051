{#- Contradictions between reports, assessments, recognitions and the watchlist: facts about one unit
    or one province that can't all be right. `contradiction_rules` has a row for each kind, with its
    threshold and the reason for it; the relation `candidates` computes what is compared. -#}
with yearly_amounts as (
    select
        fact.unit_code,
        fact.province_code,
        count(*) as compared,
        count(*) filter (where fact.value = former.value) as equal
    from {{ ref('fct_unit_indicator') }} as fact
    inner join {{ ref('stg_last_year_values') }} as former
        on
            fact.unit_code = former.unit_code
            and fact.indicator_code = former.indicator_code
    inner join {{ ref('indicators') }} as indicator
        on fact.indicator_code = indicator.indicator_code
    where
        indicator.is_submitted
        and indicator.stock_flow = 'flow'
        and fact.value > 1
        and former.value > 1
    group by fact.unit_code, fact.province_code
),

grades as (
    select
        province_code,
        assessment_grade,
        count(*) as units,
        sum(count(*)) over (partition by province_code) as assessed,
        row_number() over (
            partition by province_code
            order by count(*) desc, assessment_grade
        ) as place
    from {{ ref('fct_unit_year') }}
    where assessment_grade is not null
    group by province_code, assessment_grade
),

candidates as (
    select
        'assessed_not_reported' as contradiction,
        province_code,
        unit_code,
        cast(null as decimal(18, 6)) as observed_rate,
        cast(null as integer) as cases,
        concat_ws(
            '',
            '未报送，考核等次',
            coalesce({{ grade_name('assessment_grade') }}, '未列'),
            '，得分' || {{ plain_number('assessment_score') }} || '分'
        ) as evidence
    from {{ ref('fct_unit_year') }}
    where
        not has_reported
        and (assessment_grade is not null or assessment_score is not null)

    union all

    select
        case assessment_grade
            when 'excellent' then 'excellent_short_of_targets' else 'failed_on_targets'
        end as contradiction,
        province_code,
        unit_code,
        {{ exact_ratio('targets_met', 'targets_set') }} as observed_rate,
        targets_set as cases,
        concat_ws(
            '',
            '考核等次',
            {{ grade_name('assessment_grade') }},
            '，设定目标',
            cast(targets_set as {{ type_text() }}),
            '项，完成',
            cast(targets_met as {{ type_text() }}),
            '项'
        ) as evidence
    from {{ ref('fct_unit_year') }}
    where assessment_grade in ('excellent', 'fail') and targets_counted > 0

    union all

    select
        'excellent_though_warned' as contradiction,
        unit.province_code,
        unit.unit_code,
        cast(null as decimal(18, 6)) as observed_rate,
        cast(null as integer) as cases,
        concat_ws('', '考核等次优秀；', watched.evidence) as evidence
    from {{ ref('fct_unit_year') }} as unit
    inner join {{ ref('unit_watchlist') }} as watched on unit.unit_code = watched.unit_code
    where unit.assessment_grade = 'excellent' and watched.reason = 'warned'

    union all

    select
        'identical_values' as contradiction,
        province_code,
        unit_code,
        {{ exact_ratio('equal', 'compared') }} as observed_rate,
        cast(compared as integer) as cases,
        concat_ws(
            '',
            '可比的当年发生数',
            cast(compared as {{ type_text() }}),
            '项，与上年相同',
            cast(equal as {{ type_text() }}),
            '项'
        ) as evidence
    from yearly_amounts

    union all

    select
        'national_watched' as contradiction,
        province_code,
        unit_code,
        cast(null as decimal(18, 6)) as observed_rate,
        cast(null as integer) as cases,
        {{ text_list('evidence', '；') }} as evidence
    from {{ ref('unit_watchlist') }}
    where level = 'national' and reason <> 'not_reported'
    group by province_code, unit_code

    union all

    select
        'grades_alike' as contradiction,
        province_code,
        cast(null as {{ type_text() }}) as unit_code,
        {{ exact_ratio('units', 'assessed') }} as observed_rate,
        cast(assessed as integer) as cases,
        concat_ws(
            '',
            '被考核单位',
            cast(assessed as {{ type_text() }}),
            '个，其中',
            {{ grade_name('assessment_grade') }},
            cast(units as {{ type_text() }}),
            '个'
        ) as evidence
    from grades
    where place = 1
)

select
    period.year,
    candidate.contradiction,
    coalesce(candidate.unit_code, candidate.province_code) as subject,
    candidate.province_code,
    split_part(candidate.unit_code, '-', 1) as task_code,
    candidate.unit_code,
    {{ with_percentage('rule.title_zh', 'rule.threshold') }} as title_zh,
    {{ with_percentage('rule.title_en', 'rule.threshold') }} as title_en,
    candidate.observed_rate,
    candidate.cases,
    candidate.evidence
from candidates as candidate
inner join {{ ref('contradiction_rules') }} as rule
    on candidate.contradiction = rule.contradiction
cross join {{ ref('stg_reporting_period') }} as period
where
    case rule.comparison
        when 'below' then candidate.observed_rate < rule.threshold
        when 'at_least' then candidate.observed_rate >= rule.threshold
        else true
    end
    and (rule.least_cases is null or candidate.cases >= rule.least_cases)
